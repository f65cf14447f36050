import { expect, test } from "vitest";
import type { SidecarConfigMap } from "#lib/rollout/observation.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, writesOf } from "./pass.ts";

const web = "shop/osm-sidecar.web";
const object = `ConfigMap ${web}`;

/** Egress on, by a configuration that nobody asked for. */
function opened(map: SidecarConfigMap): Partial<SidecarConfigMap["files"]> {
  const lds = (map.files["lds.json"] ?? "").replace(/off-[0-9a-f]{32}/, `on-${"0".repeat(32)}`);
  return { "lds.json": lds.replaceAll(`"cluster":"refused"`, `"cluster":"passthrough-outbound"`) };
}

async function restWithOneOpened(mode?: "correct" | "detect"): Promise<ScriptedCluster> {
  const cluster = await meshAtRest();
  if (mode) cluster.setSpec({ drift: mode });
  cluster.alter(web, "kubectl-edit", { files: opened(cluster.configMap(web)) });
  await cluster.clock.pass(10_000);
  expect(cluster.reality).toContain("shop/web-1 on");
  return cluster;
}

const drifted = (cluster: ScriptedCluster) => conditionOf(cluster.status, "Drifted");

test("an edited ConfigMap is written back, its sidecars verified, and the record tells what, by whom and since when", async () => {
  const cluster = await restWithOneOpened();
  const written = cluster.configMap(web);
  const seen: string[] = [];
  cluster.watchStatus = (status) => seen.push(`${conditionOf(status, "Drifted")?.reason}`);
  const writes = await writesOf(cluster);
  expect(seen.slice(0, 2)).toEqual(["Correcting", "AsWanted"]);
  expect(writes.filter((line) => line.startsWith("apply") || line.startsWith("publish"))).toEqual([
    `apply ${web} off 2`,
    "publish Egress Drift Found",
    "publish Egress Drift Corrected",
  ]);
  expect(cluster.configMap(web).files).not.toEqual(written.files);
  expect(drifted(cluster)).toMatchObject({ status: "False" });
  expect(cluster.status.drift).toEqual({
    history: [
      {
        object,
        field: "data.lds.json",
        wanted: expect.stringMatching(/^version off-/),
        found: `version on-${"0".repeat(32)}`,
        by: "kubectl-edit",
        since: { after: written.appliedAt, before: written.writers?.["data.lds.json"]?.at },
        foundAt: expect.any(String),
        correctedAt: expect.any(String),
        endedAt: expect.any(String),
        times: 1,
        outcome: "Corrected",
      },
    ],
  });
  expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"]);
});

test("one that is written in the reconciler's name is known by its content", async () => {
  const cluster = await meshAtRest();
  const map = cluster.configMap(web);
  cluster.storeConfigMap({ ...map, files: { ...map.files, ...opened(map) } });
  await runPass(cluster);
  expect(cluster.status.drift?.history).toMatchObject([{ object, field: "data.lds.json", outcome: "Corrected" }]);
  expect(cluster.status.drift?.history?.[0]).not.toHaveProperty("by");
});

test("a deleted ConfigMap is made anew, and told of", async () => {
  const cluster = await meshAtRest();
  cluster.configMaps.delete(web);
  const writes = await writesOf(cluster);
  expect(writes).toContain(`apply ${web} off 2`);
  expect(cluster.status.drift?.history).toMatchObject([{ object, field: "", found: "nothing", outcome: "Corrected" }]);
});

test("the ConfigMap of a new account is no drift", async () => {
  const cluster = await meshAtRest();
  cluster.addAccount("shop", "cart");
  cluster.addPod("shop", "cart-1", "cart");
  await runPass(cluster);
  await cluster.clock.pass(5_000);
  await runPass(cluster);
  expect(cluster.status.sidecars?.verified).toBe(4);
  expect(cluster.status.drift).toEqual({});
});

test("neither is one that a change of the switch has still to reach", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  expect(cluster.status.drift).toEqual({});
});

test("one that was made immutable is deleted and made anew, also where its content is right", async () => {
  const cluster = await meshAtRest();
  cluster.alter(web, "kubectl-patch", { immutable: true });
  const writes = await writesOf(cluster);
  expect(writes).toContain(`delete ${web}`);
  expect(cluster.configMap(web).immutable).toBeUndefined();
  expect(cluster.status.drift?.history).toMatchObject([
    { object, field: "immutable", wanted: "false", found: "true", by: "kubectl-patch", outcome: "Corrected" },
  ]);
});

test("a sidecar on another version than its ConfigMap is poked, and told of", async () => {
  const cluster = await meshAtRest();
  stray(cluster);
  await runPass(cluster, { kind: "drift" });
  expect(cluster.status.drift?.history).toMatchObject([
    { object: "Pod shop/web-1", field: "sidecar's version", found: `on-${"0".repeat(32)}`, outcome: "Corrected" },
  ]);
  expect(cluster.reality).toContain("shop/web-1 off");
});

/** Its files are changed under it, and its ConfigMap is not. */
function stray(cluster: ScriptedCluster): void {
  const map = cluster.configMap(web);
  cluster.configMaps.set(web, { ...map, files: { ...map.files, ...opened(map) } });
  cluster.pod("shop/web-1").look();
  cluster.configMaps.set(web, map);
}

test("a drift pass that finds nothing says when it looked, and a hint pass says nothing", async () => {
  const cluster = await meshAtRest();
  expect(await writesOf(cluster)).toEqual([]);
  expect(await writesOf(cluster, { kind: "drift" })).toEqual(["status Idle off 3/3 AllVerified AllVerified"]);
  expect(cluster.status.drift?.checkedAt).toBeDefined();
});

test("detect: what is edited stays, is reported with the line that corrects it, and its pods are not verified", async () => {
  const cluster = await restWithOneOpened("detect");
  const writes = await writesOf(cluster, { kind: "drift" });
  expect(writes.filter((line) => /^(take|apply|poke|delete)/.test(line))).toEqual([]);
  expect(drifted(cluster)).toMatchObject({ status: "True", reason: "DetectOnly" });
  expect(cluster.status.drift?.findings).toMatchObject([
    { object, action: "Detected", by: "kubectl-edit", repair: "osm reconcile --correct" },
  ]);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "False", reason: "SidecarsDiffer" });
  expect(conditionOf(cluster.status, "EgressCut")).toMatchObject({ status: "False" });
  // And again: the mesh has not arrived any more, and that must not make it a change to be written.
  await cluster.clock.pass(60_000);
  expect((await writesOf(cluster)).filter((line) => /^(take|apply|poke|delete)/.test(line))).toEqual([]);
});

test("detect: bytes that call themselves the wanted version verify nobody", async () => {
  const cluster = await meshAtRest();
  cluster.setSpec({ drift: "detect" });
  const map = cluster.configMap(web);
  cluster.alter(web, "kubectl-edit", { files: { "cds.json": `${map.files["cds.json"]} ` } });
  await runPass(cluster, { kind: "drift" });
  expect(cluster.status.drift?.findings).toMatchObject([{ found: "other bytes under the same version" }]);
  expect(conditionOf(cluster.status, "Converged")?.status).toBe("False");
  expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 1 });
  expect(cluster.status.lagging?.map(({ reason }) => reason)).toEqual([
    "Altered: its ConfigMap is not the reconciler's",
    "Altered: its ConfigMap is not the reconciler's",
  ]);
});

test("detect: a deleted ConfigMap and a stray sidecar stay as they are", async () => {
  const cluster = await meshAtRest();
  cluster.setSpec({ drift: "detect" });
  stray(cluster);
  cluster.configMaps.delete("shop/osm-sidecar.db");
  for (let pass = 0; pass < 2; pass++) {
    const writes = await writesOf(cluster, { kind: "drift" });
    expect(writes.filter((line) => /^(take|apply|poke|delete)/.test(line))).toEqual([]);
    expect(cluster.status.drift?.findings?.map((it) => [it.object, it.action])).toEqual([
      ["ConfigMap shop/osm-sidecar.db", "Detected"],
      ["Pod shop/web-1", "Detected"],
    ]);
    // Soon enough that the kubelet has not looked by itself.
    await cluster.clock.pass(3_000);
  }
});

test("detect: a change of the switch is written everywhere, and what was altered is right again", async () => {
  const cluster = await restWithOneOpened("detect");
  await runPass(cluster, { kind: "drift" });
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
  expect(drifted(cluster)?.status).toBe("False");
  expect(cluster.status.drift?.history).toMatchObject([{ object, outcome: "Corrected" }]);
});

test("detect: whoever asks for the correction gets it", async () => {
  const cluster = await restWithOneOpened("detect");
  await runPass(cluster, { kind: "drift" });
  await runPass(cluster, { kind: "drift", correct: true });
  expect(drifted(cluster)?.status).toBe("False");
  expect(cluster.status.drift?.history).toMatchObject([{ object, outcome: "Corrected" }]);
  expect(cluster.reality).toContain("shop/web-1 off");
});

test("detect: what somebody puts right himself is gone", async () => {
  const cluster = await meshAtRest();
  const right = cluster.configMap(web);
  cluster.setSpec({ drift: "detect" });
  cluster.alter(web, "kubectl-edit", { files: opened(right) });
  await runPass(cluster, { kind: "drift" });
  cluster.storeConfigMap(right);
  for (const pod of cluster.pods.values()) pod.look();
  await runPass(cluster, { kind: "drift" });
  expect(drifted(cluster)?.status).toBe("False");
  expect(cluster.status.drift?.history).toMatchObject([{ object, outcome: "Gone" }]);
  expect(conditionOf(cluster.status, "Converged")?.status).toBe("True");
});

test("whoever keeps undoing a correction meets backoff: 2 s, three times as much each time, at most 300 s", async () => {
  const cluster = await meshAtRest();
  const right = cluster.configMap(web).files;
  const { clock } = cluster;
  const startedMs = clock.nowMs();
  const corrected = new Set<string>();
  let reported = 0;
  while (clock.nowMs() - startedMs < 20 * 60_000) {
    if (cluster.configMap(web).files["lds.json"] === right["lds.json"]) {
      cluster.alter(web, "fighter", { files: opened(cluster.configMap(web)) });
    }
    await runPass(cluster);
    const { findings = [], history = [] } = cluster.status.drift ?? {};
    for (const { correctedAt } of [...findings, ...history]) if (correctedAt !== undefined) corrected.add(correctedAt);
    if (drifted(cluster)?.reason === "BackingOff") reported++;
    await clock.pass(500);
  }
  const atMs = [...corrected].map((at) => Date.parse(at));
  const apart = atMs.slice(1).map((at, index) => (at - (atMs[index] ?? 0)) / 1_000);
  const wanted = [2, 6, 18, 54, 162, 300, 300, 300];
  expect(apart).toHaveLength(wanted.length);
  // A pass that has just cut what went out takes six seconds, and here the next one comes after it.
  apart.forEach((seconds, index) => {
    expect(seconds).toBeGreaterThanOrEqual(wanted[index] ?? 0);
    expect(seconds).toBeLessThan((wanted[index] ?? 0) + 7);
  });
  expect(reported).toBeGreaterThan(100);
  expect(cluster.status.drift?.findings).toMatchObject([
    { object, action: "BackingOff", by: "fighter", times: 9, nextCorrectionAt: expect.any(String) },
  ]);
  expect(drifted(cluster)?.message).toContain("undone 9 times");
});

test("an object that stayed right for a quarter of an hour is corrected at once again", async () => {
  const cluster = await meshAtRest();
  for (let round = 0; round < 2; round++) {
    cluster.alter(web, "kubectl-edit", { files: opened(cluster.configMap(web)) });
    expect(await writesOf(cluster)).toContain(`apply ${web} off ${2 + round}`);
    await cluster.clock.pass(16 * 60_000);
  }
  expect(cluster.status.drift?.history?.map(({ times }) => times)).toEqual([1, 1]);
});

test("a change of the switch does not wait for the backoff", async () => {
  const cluster = await meshAtRest();
  for (let round = 0; round < 3; round++) {
    cluster.alter(web, "fighter", { files: opened(cluster.configMap(web)) });
    await runPass(cluster);
  }
  expect(drifted(cluster)?.reason).toBe("BackingOff");
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
});

const silent = { forwarder: { deployedAtMs: 0, renewedAtMs: undefined }, forwarderSilentMs: 600_000 };

test("what only a person may put right is reported with its line, until a later survey finds it right", async () => {
  const cluster = await meshAtRest();
  const asInstalled = cluster.surveyed;
  cluster.surveyed = { ...asInstalled, ...silent };
  const outcome = await runPass(cluster, { kind: "drift" });
  expect(outcome.figures).toMatchObject({ findings: 1, forwarderSilentMs: 600_000 });
  expect(drifted(cluster)).toMatchObject({ status: "True", reason: "NeedsPerson" });
  const [reported] = cluster.status.drift?.findings ?? [];
  expect(reported).toMatchObject({
    object: "Lease osm-system/osm-forwarder",
    action: "Reported",
    repair: "kubectl rollout restart deployment/osm-forwarder -n osm-system",
  });
  // The sidecars are where they must be.
  expect(conditionOf(cluster.status, "Converged")?.status).toBe("True");

  // A hint pass has not looked, and a survey that fails neither.
  cluster.surveyed = asInstalled;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  await runPass(cluster, {
    kind: "drift",
    fates: (verb) => ({ there: 1, back: 1, ...(verb === "survey" ? { unanswered: "before" } : {}) }),
  });
  expect(cluster.status.drift?.findings).toEqual([reported]);

  expect(await writesOf(cluster, { kind: "drift" })).toEqual(["status Idle on 3/3 AllVerified"]);
  expect(drifted(cluster)?.status).toBe("False");
  expect(cluster.status.drift?.history).toMatchObject([{ object: reported?.object, outcome: "Gone" }]);
});

test("a survey that takes long holds nobody's verification back, and is waited for", async () => {
  const cluster = await restWithOneOpened();
  cluster.surveyed = { ...cluster.surveyed, ...silent };
  const { clock } = cluster;
  const startedMs = clock.nowMs();
  let correctedAfterMs = 0;
  cluster.watchStatus = ({ drift }) => {
    if (drift?.history?.[0]?.outcome === "Corrected") correctedAfterMs ||= clock.nowMs() - startedMs;
  };
  await runPass(cluster, {
    kind: "drift",
    fates: (verb) => ({ there: verb === "survey" ? 20_000 : 1, back: 1 }),
  });
  expect(correctedAfterMs).toBeLessThan(2_000);
  expect(cluster.status.drift?.findings).toMatchObject([{ action: "Reported" }]);
});
