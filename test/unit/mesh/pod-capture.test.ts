import { expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import { podCapture } from "#lib/mesh/pod-capture.ts";

const { excludedRanges: ranges, excludedPorts: ports, allowUdp: udp } = annotations;
const captured = { excludedRanges: [], excludedPorts: [], allowUdp: false };

// What is taken and what is not is compared with the API server itself: test/apiserver/pod-capture.test.ts.
test.each([
  [{}, {}],
  [{ [ranges]: "", [ports]: " ", [udp]: "", other: "true" }, {}],
  [{ [ranges]: " 192.0.2.7/24 ,10.0.0.0/8" }, { excludedRanges: ["192.0.2.7/24", "10.0.0.0/8"] }],
  [{ [ports]: "9092,80, 80" }, { excludedPorts: [9092, 80, 80] }],
  [{ [udp]: "True" }, { allowUdp: true }],
  [{ [udp]: "False" }, {}],
])("%j: as it is written", (given, difference) => {
  expect(podCapture(given)).toEqual({ ...captured, ...difference });
});

test("each bad annotation is told of: its name, its value, and what is accepted", () => {
  expect(podCapture({ [ranges]: "10.0.0.0", [ports]: "0", [udp]: "yes" })).toEqual({
    problems: [
      `annotation openservicemesh.io/outbound-ip-range-exclusion-list: must be a comma-separated list of at most 64 IPv4 ranges such as 10.0.0.0/8, got "10.0.0.0"`,
      `annotation openservicemesh.io/outbound-port-exclusion-list: must be a comma-separated list of at most 64 ports from 1 to 65535, got "0"`,
      `annotation openservicemesh.io/allow-udp: must be a boolean, one of 1 t T TRUE true True 0 f F FALSE false False, got "yes"`,
    ],
  });
});
