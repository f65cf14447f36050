import { expect, test } from "vitest";
import { type Forecast, forecasts, type JoiningWorkload } from "#lib/mesh/joining-workload.ts";
import { annotations, labels, meshPlace } from "#lib/mesh/names.ts";

const closed = {
  name: "app",
  securityContext: { allowPrivilegeEscalation: false, runAsUser: 1000 },
};

function member(given: Readonly<Record<string, string>> = {}) {
  return {
    name: "shop",
    labels: { [labels.monitoredBy]: "osm" },
    annotations: { [annotations.injection]: "enabled", ...given },
  };
}

function workload(given: Readonly<Record<string, string>> = {}, spec: object = {}): JoiningWorkload {
  return {
    kind: "Deployment",
    name: "web",
    injection: { annotations: given, ...spec },
    pod: { metadata: { annotations: given }, spec: { containers: [closed], ...spec } },
  };
}

const told = (text: string, ...codes: readonly string[]) => [
  { workload: "shop/Deployment web", codes, text, isRefused: expect.any(Boolean) },
];
const refused = ": its next pods are refused";
const udp = `the pod lets UDP out, by annotation ${annotations.allowUdp}`;

test.each<[what: string, workload: JoiningWorkload, forecast: readonly unknown[]]>([
  ["that is within the guarantee", workload(), []],
  ["that asks for its sidecar", workload({ [annotations.injection]: "enabled" }), []],
  ["that lets UDP out", workload({ [annotations.allowUdp]: "true" }), told(udp + refused, "AllowsUdp")],
  [
    "that refuses its sidecar, and says more",
    workload({ [annotations.injection]: "disabled", [annotations.allowUdp]: "true" }),
    told(
      `the pod has no sidecar, because its annotation ${annotations.injection} refuses it${refused}`,
      "InjectionDisabled",
    ),
  ],
  [
    "with ports, ranges and name servers of its own",
    workload(
      { [annotations.excludedPorts]: "1", [annotations.excludedRanges]: "192.0.2.0/24" },
      { dnsConfig: { nameservers: ["192.0.2.1"] } },
    ),
    told(
      expect.stringMatching(/uncaptured.*; .*uncaptured.*; .*its own name servers.*: its next pods are refused$/),
      "ExcludesRanges",
      "ExcludesPorts",
      "OwnNameServers",
    ),
  ],
  [
    "in its node's network",
    workload({}, { hostNetwork: true }),
    told("the pod is in its node's network, where nothing is captured: its pods are not captured", "HostNetwork"),
  ],
  [
    "of Windows",
    workload({}, { os: "windows" }),
    told("the pod runs on Windows, where there is no capture: its pods are not captured", "Windows"),
  ],
  [
    "whose containers may more",
    workload({}, { containers: [{ name: "app" }] }),
    [{ workload: "shop/Deployment web", codes: ["MayEscalate", "KeepsCapabilities", "UnknownUser"], isRefused: false }],
  ],
])("a workload %s", (_, one, forecast) => {
  const found = forecasts([one], member(), meshPlace);
  expect(found).toEqual(forecast);
  expect(found.map(({ isRefused }) => isRefused)).toEqual(found.map(({ text }) => text?.endsWith(refused) ?? false));
});

test.each<[what: string, workload: JoiningWorkload, end: string]>([
  ["UDP", workload({ [annotations.allowUdp]: "true" }), "its pods are outside the guarantee, as the namespace allows"],
  ["no sidecar", workload({ [annotations.injection]: "no" }), "its pods are not captured"],
])("where the namespace allows exempt pods, old templates are taken at their word: %s", (_, one, end) => {
  const found: readonly Forecast[] = forecasts([one], member({ [annotations.allowExemptPods]: "true" }), meshPlace);
  expect(found.map(({ text }) => text?.split(": ").at(-1))).toEqual([end]);
});
