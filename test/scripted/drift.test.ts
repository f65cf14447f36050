import { expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import type { SidecarConfigMap } from "#lib/rollout/observation.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass, unfinished, writesOf } from "./pass.ts";

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
  expect(cluster.status.drift).toBeUndefined();
});

test("neither is one that a change of the switch has still to reach", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  expect(cluster.status.drift).toBeUndefined();
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
function stray(cluster: ScriptedCluster, key = web, pod = "shop/web-1"): void {
  const map = cluster.configMap(key);
  cluster.configMaps.set(key, { ...map, files: { ...map.files, ...opened(map) } });
  cluster.pod(pod).look();
  cluster.configMaps.set(key, map);
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
    "Altered: nobody can tell what its ConfigMap has given it",
    "Altered: nobody can tell what its ConfigMap has given it",
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

/** Egress on, under the very version that is wanted. */
function forged(map: SidecarConfigMap): Partial<SidecarConfigMap["files"]> {
  const lds = map.files["lds.json"] ?? "";
  return { "lds.json": lds.replaceAll(`"cluster":"refused"`, `"cluster":"passthrough-outbound"`) };
}

test("bytes that call themselves the wanted version are written back under another, until every sidecar has shown that", async () => {
  const cluster = await meshAtRest();
  const right = cluster.configMap(web).files;
  cluster.alter(web, "kubectl-edit", { files: { "lds.json": "{}" } });
  cluster.alter(web, "kubectl-edit", { files: forged({ ...cluster.configMap(web), files: right }) });
  expect(cluster.reality).toContain("shop/web-1 on");
  const slow = cluster.pod("shop/web-1");
  slow.missedPokes = 1;
  await runPass(cluster, { budgetMs: 5_000 });
  // It answers with the version that is wanted, and is not believed.
  expect(slow.egress).toBe(true);
  expect(cluster.status.drift?.findings).toMatchObject([{ object, action: "Unproven", times: 1 }]);
  expect(conditionOf(cluster.status, "Converged")?.status).toBe("False");
  // The message of a pass that ran short of time comes back, and then everybody is asked and poked.
  await runPass(cluster, { kind: "drift" });
  expect(slow.egress).toBe(false);
  expect(cluster.status.drift?.findings).toBeUndefined();
  expect(cluster.status.drift?.history).toMatchObject([{ object, outcome: "Corrected", times: 1 }]);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
  // And plain again: the same content has the same bytes.
  expect(cluster.configMap(web).files).toEqual(right);
  expect(await writesOf(cluster)).toEqual([]);
});

test("a fencing number that somebody has raised holds back no change of the switch", async () => {
  const cluster = await meshAtRest();
  cluster.storeConfigMap({ ...cluster.configMap(web), fencing: 1_000_000 });
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  expect(await runPass(cluster)).toMatchObject({ kind: "settled" });
  expect(cluster.status.target?.egress).toBe(true);
});

test("what was altered and is then deleted does not verify its pods while it is left so", async () => {
  const cluster = await meshAtRest();
  cluster.setSpec({ drift: "detect" });
  const right = cluster.configMap(web);
  cluster.alter(web, "kubectl-edit", { files: { "lds.json": "{}" } });
  cluster.alter(web, "kubectl-edit", { files: forged(right) });
  cluster.configMaps.delete(web);
  await runPass(cluster, { kind: "drift" });
  expect(cluster.reality).toContain("shop/web-1 on");
  expect(conditionOf(cluster.status, "Converged")?.status).toBe("False");
  expect(conditionOf(cluster.status, "EgressCut")?.status).toBe("False");
});

test("many other findings do not crowd out what the reconciler is concerned with", async () => {
  const cluster = await meshAtRest();
  const pods = Array.from({ length: 30 }, (_, at) => ({
    namespace: "shop",
    name: `old-${at}`,
    createdAtMs: 0,
    sidecarImage: "old:1",
  }));
  cluster.surveyed = { ...cluster.surveyed, ...silent, image: { wanted: "new:1" }, pods };
  await runPass(cluster, { kind: "drift" });
  expect(cluster.status.drift).toMatchObject({ more: 11 });
  expect(cluster.status.drift?.findings?.[0]?.object).toBe("Lease osm-system/osm-forwarder");
  // A hint pass with nothing to do leaves it at that.
  expect(await writesOf(cluster)).toEqual([]);
  cluster.alter(web, "kubectl-edit", { files: opened(cluster.configMap(web)) });
  await runPass(cluster);
  expect(cluster.status.drift?.history).toMatchObject([{ object, outcome: "Corrected" }]);
  expect(cluster.status.drift).toMatchObject({ more: 11 });
});

test("twenty-five altered at once are all on record", async () => {
  const cluster = await meshAtRest();
  const accounts = Array.from({ length: 25 }, (_, at) => `account-${at}`);
  for (const account of accounts) cluster.addAccount("shop", account);
  await runPass(cluster);
  cluster.setSpec({ drift: "detect" });
  for (const account of accounts) {
    const key = `shop/osm-sidecar.${account}`;
    cluster.alter(key, "kubectl-edit", { files: opened(cluster.configMap(key)) });
  }
  await runPass(cluster);
  expect(cluster.status.drift?.findings).toHaveLength(25);
});

test("a write that is refused is no correction, and the account stays refused", async () => {
  const cluster = await restWithOneOpened();
  cluster.refusals.set(web, new EgressError("api-forbidden", "exceeded quota"));
  for (let pass = 0; pass < 3; pass++) {
    await runPass(cluster);
    expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "False", reason: "AccountRefused" });
    expect(cluster.status.drift?.history).toBeUndefined();
    await cluster.clock.pass(1_000);
  }
});

test("a switch that is set back while its pass still writes is no drift", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  let glances = 0;
  await runPass(cluster, {
    fates: (verb) => {
      // The third glance is the look between writing and poking.
      if (verb === "glance" && ++glances === 2) {
        cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode: "true" });
      }
      return { there: 1, back: 1 };
    },
  });
  await runPass(cluster);
  expect(cluster.status.target?.egress).toBe(false);
  expect(cluster.status.drift).toBeUndefined();
});

test("neither is what a killed pass has left, when the switch is set back after it", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster, {
    fates: (verb) => ({ there: 1, back: 1, ...(verb === "poke" ? { killed: "before" } : {}) }),
  }).catch(unfinished);
  cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode: "true" });
  await cluster.clock.pass(30_000);
  await runPass(cluster);
  expect(cluster.status.target?.egress).toBe(false);
  expect(cluster.status.drift).toBeUndefined();
});

test("detect: a look that begins before another pass's writes and ends after them finds nothing", async () => {
  const cluster = await meshAtRest();
  cluster.setSpec({ drift: "detect" });
  const looker = startPass(cluster, {
    kind: "drift",
    fates: (verb) => ({ there: verb === "readMesh" ? 200 : 1, back: 1 }),
  });
  await cluster.clock.pass(50);
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const writer = startPass(cluster, { fates: (verb) => ({ there: verb === "poke" ? 400 : 1, back: 1 }) });
  await cluster.clock.run(Promise.all([looker, writer]));
  expect(cluster.status.target?.egress).toBe(true);
  expect(cluster.status.drift?.findings).toBeUndefined();
  expect(cluster.status.drift?.history).toBeUndefined();
});

test("detect: one stray after the other is found and left", async () => {
  const cluster = await meshAtRest();
  cluster.setSpec({ drift: "detect" });
  stray(cluster);
  await runPass(cluster, { kind: "drift" });
  stray(cluster, "shop/osm-sidecar.db", "shop/db-1");
  expect((await writesOf(cluster, { kind: "drift" })).filter((line) => line.startsWith("poke"))).toEqual([]);
  expect(cluster.status.drift?.findings?.map(({ object: found }) => found)).toEqual([
    "Pod shop/web-1",
    "Pod shop/db-1",
  ]);
});

test("a stray sidecar that falls silent is not right again", async () => {
  const cluster = await meshAtRest();
  stray(cluster);
  const pod = cluster.pod("shop/web-1");
  pod.missedPokes = 10;
  await runPass(cluster, { kind: "drift", budgetMs: 8_000 });
  pod.stopped = true;
  await runPass(cluster, { kind: "drift" });
  expect(cluster.status.drift?.findings).toMatchObject([{ object: "Pod shop/web-1" }]);
  expect(drifted(cluster)?.status).toBe("True");
});

test("a correction by a clock that is ahead holds the next one back for nobody", async () => {
  const cluster = await restWithOneOpened();
  await runPass(cluster);
  const { rollout } = cluster;
  const [last] = rollout?.status.drift?.history ?? [];
  if (!rollout || !last) throw new Error("nothing was corrected");
  const ahead = new Date(cluster.clock.nowMs() + 3_600_000).toISOString();
  cluster.rollout = {
    ...rollout,
    status: { ...rollout.status, drift: { history: [{ ...last, correctedAt: ahead }] } },
  };
  cluster.alter(web, "kubectl-edit", { files: opened(cluster.configMap(web)) });
  expect((await writesOf(cluster)).some((line) => line.startsWith(`apply ${web}`))).toBe(true);
});

test("a survey that has not seen everything ends no finding", async () => {
  const cluster = await meshAtRest();
  const asInstalled = cluster.surveyed;
  cluster.surveyed = { ...asInstalled, ...silent };
  await runPass(cluster, { kind: "drift" });
  cluster.surveyed = { ...asInstalled, unread: [{ object: "pods", why: "429", isForbidden: false }] };
  await runPass(cluster, { kind: "drift" });
  expect(cluster.status.drift?.findings?.map(({ object: found }) => found)).toEqual([
    "Lease osm-system/osm-forwarder",
    "pods",
  ]);
});

test("Services that come while a correction waits for a sidecar are no further corrections", async () => {
  const cluster = await restWithOneOpened();
  cluster.pod("shop/web-1").rejecting = true;
  await runPass(cluster);
  for (let port = 1; port < 4; port++) {
    cluster.services.push({
      namespace: "shop",
      name: `service-${port}`,
      type: "ClusterIP",
      clusterIP: `10.96.0.${port}`,
      hasSelector: true,
      ports: [80],
    });
    await runPass(cluster);
  }
  expect(cluster.status.drift?.findings).toMatchObject([{ object, action: "Correcting", times: 1 }]);
});
