import { expect, test } from "vitest";
import { egressOfDigest, sidecarConfig } from "#lib/envoy/sidecar-config.ts";

test.each([true, false])("a configuration's digest tells that its switch is %s", (egress) => {
  expect(egressOfDigest(sidecarConfig({ egress, destinations: [] }).digest)).toBe(egress);
});

const hash = "0123456789abcdef0123456789abcdef";
test.each(["", hash, `on-${hash}0`, `on-${hash.slice(1)}`, `On-${hash}`, ` on-${hash}`, `off-${hash} `, "on-"])(
  "%j tells nothing",
  (text) => {
    expect(egressOfDigest(text)).toBeUndefined();
  },
);
