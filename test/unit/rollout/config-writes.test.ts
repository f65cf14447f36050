import { describe, expect, test } from "vitest";
import { configWrites, isEmpty, numberToExceed, orphans, unknownAccounts } from "#lib/rollout/config-writes.ts";
import type { MeshObservation, ObservedLease } from "#lib/rollout/observation.ts";
import { wantedMesh } from "#lib/rollout/wanted.ts";
import { configMapSeen, meshSeen, nowMs, podSeen } from "../../scripted/world-at-rest.ts";

const none: ReadonlySet<string> = new Set();
const web = { namespace: "shop", name: "web" };
const db = { namespace: "shop", name: "db" };

/** `web files` where pods must look, `web` where only the object is new; `injection`, `restamp`. */
function written(seen: MeshObservation): readonly string[] {
  const { apply, injection, restamp } = configWrites(seen, wantedMesh(seen), none);
  return [
    ...apply.map(({ account, changesFiles }) => `${account.name}${changesFiles ? " files" : ""}`),
    ...(injection ? ["injection"] : []),
    ...(restamp ? ["restamp"] : []),
  ];
}

const lease: ObservedLease = { resourceVersion: "4", holder: "", transitions: 1, renewTime: undefined, expired: true };
const { files } = configMapSeen(web);

describe("what is to be written", () => {
  test.each<readonly [string, Partial<MeshObservation>, readonly string[]]>([
    ["nothing", {}, []],
    ["a new account", { accounts: [web, db] }, ["db files"]],
    ["an account without its ConfigMap", { configMaps: [] }, ["web files"]],
    ["a file altered", { configMaps: [configMapSeen(web, { files: { ...files, "rds.json": "{}" } })] }, ["web files"]],
    [
      "a file missing",
      { configMaps: [configMapSeen(web, { files: { "lds.json": files["lds.json"] ?? "" } })] },
      ["web files"],
    ],
    ["one that was made immutable", { configMaps: [configMapSeen(web, { immutable: true })] }, ["web"]],
    [
      "one whose settings another wrote",
      { configMaps: [configMapSeen(web, { writers: { "metadata.annotations.x": { manager: "kubectl-edit" } } })] },
      ["web"],
    ],
    ["settings missing", { configMaps: [configMapSeen(web, { settings: undefined })] }, ["web"]],
    [
      "the account left the mesh, its ConfigMap stays wanted",
      { accounts: [], configMaps: [configMapSeen(web, { files: {} })] },
      ["web files"],
    ],
    ["MeshInjection missing", { injection: undefined }, ["injection"]],
    ["MeshInjection altered", { injection: { excludedPorts: [22] } }, ["injection"]],
    ["other Service ranges", { serviceRange: { cidrs: ["10.96.0.0/16"], outside: [] } }, ["injection"]],
    ["the Lease missing", { lease: undefined }, ["web", "restamp"]],
    ["the Lease expired in somebody's hands", { lease: { ...lease, holder: "dead" } }, ["web", "restamp"]],
    ["the Lease held", { lease: { ...lease, holder: "other", expired: false } }, []],
    ["the Lease free, long ago", { lease: { ...lease, expired: true } }, []],
  ])("%s", (_, difference, expected) => {
    const seen = meshSeen(difference);
    expect(written(seen)).toEqual(expected);
    expect(isEmpty(configWrites(seen, wantedMesh(seen), none))).toBe(expected.length === 0);
  });

  test("what is to be deleted is not written", () => {
    const seen = meshSeen({ accounts: [], lease: undefined });
    expect(configWrites(seen, wantedMesh(seen), none, seen.configMaps).apply).toEqual([]);
  });
});

test("what is altered and held is not written", () => {
  const altered = { configMaps: [configMapSeen(web, { files: {} })] };
  const held = new Set([`shop/${configMapSeen(web).name}`]);
  const writes = (seen: MeshObservation) => configWrites(seen, wantedMesh(seen), held).apply.length;
  expect(writes(meshSeen(altered))).toBe(0);
});

describe("an orphan", () => {
  const hour = { createdAtMs: nowMs - 3_600_000 };
  test.each([
    ["its account is there", { accounts: [web] }, [], hour, false],
    ["neither account nor pod", { accounts: [] }, [], hour, true],
    ["a pod mounts it", { accounts: [] }, [podSeen()], hour, false],
    [
      "a pod that has not started mounts it",
      { accounts: [] },
      [podSeen({ sidecarStartedAtMs: undefined })],
      hour,
      false,
    ],
    ["a pod of another namespace mounts its like", { accounts: [] }, [podSeen({ namespace: "other" })], hour, true],
    ["the account of another namespace is there", { accounts: [{ ...web, namespace: "other" }] }, [], hour, true],
    ["written 120 s ago", { accounts: [] }, [], { createdAtMs: nowMs - 120_000 }, false],
    ["written longer ago", { accounts: [] }, [], { createdAtMs: nowMs - 120_001 }, true],
  ])("%s", (_, difference, pods, map, orphan) => {
    const seen = meshSeen({ ...difference, configMaps: [configMapSeen(web, map)] });
    expect(orphans(seen, pods, nowMs)).toHaveLength(orphan ? 1 : 0);
  });
});

test.each([
  ["of a known account", {}, 0],
  ["of an account that only it tells of", { account: "db" }, 1],
  ["of the same account elsewhere", { namespace: "other" }, 1],
])("a pod %s", (_, difference, unknown) => {
  expect(unknownAccounts(wantedMesh(meshSeen()), [podSeen(difference)])).toHaveLength(unknown);
});

test.each([
  [1, 7, 7],
  [9, 7, 9],
  // It may have been far ahead of what was written, and its last holder may still be about to write.
  [undefined, 7, 1_007],
])("a Lease at %s and a ConfigMap at %s: above %s", (transitions, fencing, number) => {
  const seen = meshSeen({
    lease: transitions === undefined ? undefined : { ...lease, transitions },
    configMaps: [configMapSeen(db), configMapSeen(web, { fencing })],
  });
  expect(numberToExceed(seen)).toBe(number);
});

test("the first Lease of a mesh has number 1", () => {
  expect(numberToExceed(meshSeen({ lease: undefined, configMaps: [] }))).toBe(0);
});
