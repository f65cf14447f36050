import { expect, test } from "vitest";
import { parseRunningSettings, runningSettingsText } from "#lib/mesh/running-settings.ts";
import { maxPlainAccountLength, sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";

test("a ConfigMap is named after its account", () => expect(sidecarConfigName("web")).toBe("osm-sidecar.web"));

test.each([
  [maxPlainAccountLength - 1, 252],
  [maxPlainAccountLength, 253],
  [maxPlainAccountLength + 1, 12 + 220 + 1 + 16],
  [253, 12 + 220 + 1 + 16],
])("an account of %i characters gets a name of %i", (length, named) => {
  const name = sidecarConfigName("a".repeat(length));
  expect(name).toHaveLength(named);
  expect(name.includes("a".repeat(length))).toBe(length <= maxPlainAccountLength);
});

test("long accounts that differ at their end differ in their names", () => {
  expect(sidecarConfigName(`${"a".repeat(250)}x`)).not.toBe(sidecarConfigName(`${"a".repeat(250)}y`));
});

test.each([
  { egress: true, permissive: false, inMeshCidrs: [] },
  { egress: false, permissive: true, inMeshCidrs: ["10.0.0.0/8", "192.168.0.0/16"] },
])("settings come back from their text: %j", (settings) => {
  expect(parseRunningSettings(runningSettingsText(settings))).toEqual(settings);
});

test.each([
  undefined,
  "",
  "null",
  "7",
  "[]",
  "{",
  `{"egress":"true","permissive":true,"inMeshCidrs":[]}`,
  `{"egress":true,"inMeshCidrs":[]}`,
  `{"egress":true,"permissive":true,"inMeshCidrs":"10.0.0.0/8"}`,
  `{"egress":true,"permissive":true,"inMeshCidrs":["10.0.0.0"]}`,
  `{"egress":true,"permissive":true,"inMeshCidrs":[null]}`,
])("no reconciler wrote %j", (text) => expect(parseRunningSettings(text)).toBeUndefined());
