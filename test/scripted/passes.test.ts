import { describe, expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { type PassOptions, writesOf } from "./pass.ts";

const on = { egress: "true", permissive_traffic_policy_mode: "true" };
const off = { egress: "false", permissive_traffic_policy_mode: "true" };

const pokedAll = ["poke shop/web-1", "poke shop/web-2", "poke shop/db-1"];
const started = ["publish Egress Rollout Started", "event EgressRolloutStarted"];
const found = ["publish Egress Drift Found", "event EgressDriftFound"];
const corrected = ["publish Egress Drift Corrected", "event EgressDriftCorrected"];
const converged = ["publish Egress Rollout Converged", "event EgressRolloutConverged"];

function applied(egress: "on" | "off", number: number): readonly string[] {
  return [`apply shop/osm-sidecar.web ${egress} ${number}`, `apply shop/osm-sidecar.db ${egress} ${number}`];
}

interface Row {
  readonly name: string;
  readonly from?: "on" | "off";
  arrange?(cluster: ScriptedCluster): void | Promise<void>;
  readonly options?: PassOptions;
  /** Everything that the pass writes, in order. */
  readonly writes: readonly string[];
  after?(cluster: ScriptedCluster): void;
}

const rows: readonly Row[] = [
  { name: "nothing to do", writes: [] },
  {
    name: "a drift pass over a mesh at rest: only that it has looked",
    options: { kind: "drift" },
    writes: ["status Idle off 3/3 AllVerified AllVerified"],
  },
  {
    name: "off to on",
    arrange: (cluster) => cluster.setOsmConfig(on),
    writes: [
      "take 2",
      ...applied("on", 2),
      ...pokedAll,
      "status Rolling on 0/3 Waiting",
      "release",
      ...started,
      "status Idle on 3/3 AllVerified",
      ...converged,
    ],
  },
  {
    name: "on to off, nothing open",
    from: "on",
    arrange: (cluster) => cluster.setOsmConfig(off),
    writes: [
      "take 2",
      ...applied("off", 2),
      ...pokedAll,
      "status Rolling off 0/3 Waiting NotConverged",
      "release",
      ...started,
      "status Idle off 3/3 AllVerified Draining",
      ...converged,
      "status Idle off 3/3 AllVerified AllVerified",
      "event EgressCut",
    ],
  },
  {
    name: '"false" to "0": the value seen is new, no sidecar hears of it',
    arrange: (cluster) => cluster.setOsmConfig({ ...off, egress: "0" }),
    writes: ["status Idle off 3/3 AllVerified AllVerified"],
  },
  {
    name: "a label set on osm-config: only its version is new",
    arrange: (cluster) => cluster.setOsmConfig(off),
    writes: ["status Idle off 3/3 AllVerified AllVerified"],
    after: (cluster) => expect(cluster.status.history).toHaveLength(1),
  },
  {
    name: "a value that is no boolean",
    from: "on",
    arrange: (cluster) => cluster.setOsmConfig({ ...on, egress: "ture" }),
    writes: [
      "status Idle on 3/3 AllVerified not accepted",
      "publish Egress Value Rejected",
      "event EgressValueRejected",
    ],
    after: (cluster) => expect(cluster.status.observed).not.toHaveProperty("egress"),
  },
  {
    name: "osm-config deleted",
    from: "on",
    arrange: (cluster) => cluster.setOsmConfig(undefined),
    writes: [
      "status Idle on 3/3 AllVerified not accepted",
      "publish Egress Value Rejected",
      "event EgressValueRejected",
    ],
  },
  {
    name: "osm-config deleted and the status lost: what the ConfigMaps say stands",
    from: "on",
    arrange(cluster) {
      cluster.setOsmConfig(undefined);
      cluster.rollout = undefined;
    },
    writes: [
      "status Rolling on 0/3 Waiting not accepted",
      "publish Egress Value Rejected",
      ...started.slice(0, 1),
      "event EgressValueRejected",
      // Told while the sidecars answer.
      "status Idle on 3/3 AllVerified not accepted",
      ...started.slice(1),
      ...converged,
    ],
  },
  {
    name: "another account",
    arrange: (cluster) => cluster.addAccount("shop", "cache"),
    writes: ["take 2", "apply shop/osm-sidecar.cache off 2", "release"],
  },
  {
    name: "a namespace that goes away with its accounts: nothing is written into it",
    arrange(cluster) {
      cluster.addAccount("old", "web");
      cluster.namespaces.set("old", "terminating");
    },
    writes: [],
  },
  {
    name: "a pod that started later on the right value: poked once, for later passes",
    arrange: async (cluster) => {
      cluster.addPod("shop", "web-3", "web");
      await cluster.clock.pass(1_500);
    },
    writes: ["poke shop/web-3", "status Idle off 4/4 AllVerified AllVerified"],
  },
  {
    name: "a pod gone",
    arrange: (cluster) => void cluster.pods.delete("shop/web-2"),
    writes: ["status Idle off 2/2 AllVerified AllVerified"],
  },
  {
    name: "a sidecar that started again: asked, and poked so that the next pass knows",
    arrange: async (cluster) => {
      cluster.pod("shop/web-1").start();
      await cluster.clock.pass(1_500);
    },
    writes: ["poke shop/web-1"],
  },
  {
    name: "a ConfigMap altered: restored, its pods poked and asked whatever they report",
    arrange(cluster) {
      const map = cluster.configMap("shop/osm-sidecar.web");
      const lds = map.files["lds.json"]?.replace("refused", "passthrough-outbound") ?? "";
      cluster.storeConfigMap({ ...map, files: { ...map.files, "lds.json": lds } });
    },
    writes: [
      "take 2",
      "apply shop/osm-sidecar.web off 2",
      "poke shop/web-1",
      "poke shop/web-2",
      "status Rolling off 1/3 Waiting NotConverged",
      "release",
      ...found,
      "status Idle off 3/3 AllVerified AllVerified",
      ...corrected,
      // It called itself the wanted version: until here it had another.
      "take 3",
      "apply shop/osm-sidecar.web off 3",
      "poke shop/web-1",
      "poke shop/web-2",
      "status Rolling off 1/3 Waiting NotConverged",
      "release",
      "status Idle off 3/3 AllVerified AllVerified",
    ],
  },
  {
    name: "settings of a ConfigMap altered: restored, no pod hears of it",
    arrange(cluster) {
      const map = cluster.configMap("shop/osm-sidecar.web");
      cluster.storeConfigMap({ ...map, settings: { egress: true, permissive: false, inMeshCidrs: [] } });
    },
    writes: ["take 2", "apply shop/osm-sidecar.web off 2", "release"],
  },
  {
    name: "an account gone with its pods, long ago: its ConfigMap goes",
    arrange: async (cluster) => {
      cluster.accounts = cluster.accounts.filter(({ name }) => name !== "db");
      cluster.pods.delete("shop/db-1");
      await cluster.clock.pass(120_000);
    },
    writes: ["take 2", "delete shop/osm-sidecar.db", "release", "status Idle off 2/2 AllVerified AllVerified"],
  },
  {
    name: "an account gone whose pod still runs: its ConfigMap stays",
    arrange: async (cluster) => {
      cluster.accounts = cluster.accounts.filter(({ name }) => name !== "db");
      await cluster.clock.pass(120_000);
    },
    writes: [],
  },
  {
    name: "a namespace no longer labelled follows the switch while its pods run",
    arrange(cluster) {
      cluster.namespaces.set("shop", "unlabelled");
      cluster.setOsmConfig(on);
    },
    writes: [
      "take 2",
      ...applied("on", 2),
      ...pokedAll,
      "status Rolling on 0/3 Waiting",
      "release",
      ...started,
      "status Idle on 3/3 AllVerified",
      ...converged,
    ],
  },
  {
    name: "a ConfigMap deleted in a namespace no longer labelled, together with a change",
    arrange(cluster) {
      cluster.namespaces.set("shop", "unlabelled");
      cluster.configMaps.delete("shop/osm-sidecar.db");
      cluster.setOsmConfig(on);
    },
    writes: [
      "take 2",
      "apply shop/osm-sidecar.web on 2",
      "poke shop/web-1",
      "poke shop/web-2",
      "status Rolling on 0/3 Waiting",
      "release",
      ...started,
      "take 3",
      "apply shop/osm-sidecar.db on 3",
      "poke shop/db-1",
      "status Rolling on 0/3 Waiting",
      "release",
      ...found,
      "status Idle on 3/3 AllVerified",
      "publish Egress Rollout Converged",
      "publish Egress Drift Corrected",
      "event EgressRolloutConverged",
      "event EgressDriftCorrected",
    ],
  },
  {
    name: "a pod whose sidecar does not run yet is nobody's business",
    arrange(cluster) {
      cluster.addPod("shop", "web-3", "web").sidecarStartedAtMs = undefined;
    },
    writes: [],
  },
  {
    name: "a pod that is going and gets no new files: named, not waited for; egress is not called cut while it answers",
    from: "on",
    arrange(cluster) {
      cluster.pod("shop/web-2").terminating = true;
      cluster.setOsmConfig(off);
    },
    writes: [
      "take 2",
      ...applied("off", 2),
      ...pokedAll,
      "status Rolling off 0/3 Waiting NotConverged",
      "release",
      ...started,
      "status Idle off 2/3 AllReachableVerified SidecarsDiffer",
      ...converged,
    ],
    after(cluster) {
      expect(cluster.status.lagging?.map(({ pod }) => pod)).toEqual(["shop/web-2"]);
      expect(conditionOf(cluster.status, "EgressCut")?.status).toBe("False");
    },
  },
  {
    name: "a kubelet that misses two pokes is poked again after 1 s and after 2 s",
    arrange(cluster) {
      cluster.pod("shop/web-1").missedPokes = 2;
      cluster.setOsmConfig(on);
    },
    writes: [
      "take 2",
      ...applied("on", 2),
      ...pokedAll,
      "status Rolling on 0/3 Waiting",
      "release",
      ...started,
      "poke shop/web-1",
      "status Rolling on 2/3 Waiting",
      "poke shop/web-1",
      "status Idle on 3/3 AllVerified",
      ...converged,
    ],
  },
  {
    name: "a sidecar that refuses the configuration keeps Converged False",
    arrange(cluster) {
      cluster.pod("shop/web-1").rejecting = true;
      cluster.setOsmConfig(on);
    },
    writes: [
      "take 2",
      ...applied("on", 2),
      ...pokedAll,
      "status Rolling on 0/3 Waiting",
      "release",
      ...started,
      "poke shop/web-1",
      "status Rolling on 2/3 Waiting",
      "poke shop/web-1",
      "poke shop/web-1",
      "status Rolling on 2/3 SidecarsDiffer",
    ],
    after: (cluster) => expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 2, rejected: 1 }),
  },
  {
    name: "a pod that cannot be poked holds nobody back, and comes right when its kubelet looks by itself",
    arrange(cluster) {
      cluster.pokeRefusals.set("shop/web-1", new EgressError("api-forbidden", "PATCH: 403 denied by a policy"));
      cluster.setOsmConfig(on);
    },
    writes: [
      "take 2",
      ...applied("on", 2),
      ...pokedAll.slice(1),
      "status Rolling on 0/3 Waiting",
      "release",
      ...started,
      "status Rolling on 2/3 Waiting",
      "status Idle on 3/3 AllVerified",
      ...converged,
    ],
  },
  {
    name: "the Lease held by another: marked, and nothing else",
    arrange(cluster) {
      const renewedAtMs = cluster.clock.nowMs();
      cluster.lease = { resourceVersion: "7", holder: "other", transitions: 9, renewedAtMs, marked: false };
      cluster.setOsmConfig(on);
    },
    writes: ["mark"],
  },
  {
    name: "the Lease expired unreleased: a higher number onto everything, everybody poked and asked",
    arrange(cluster) {
      const renewedAtMs = cluster.clock.nowMs() - 20_001;
      cluster.lease = { resourceVersion: "7", holder: "dead", transitions: 9, renewedAtMs, marked: true };
    },
    writes: [
      "take 10",
      ...applied("off", 10),
      ...pokedAll,
      "status Rolling off 0/3 Waiting NotConverged",
      "release",
      "status Idle off 3/3 AllVerified AllVerified",
    ],
  },
  {
    name: "the Lease missing: a number far above the highest on any ConfigMap",
    arrange(cluster) {
      cluster.lease = undefined;
      cluster.storeConfigMap({ ...cluster.configMap("shop/osm-sidecar.db"), fencing: 41 });
    },
    writes: [
      // Its number is noted before it is given out.
      "status Idle off 3/3 AllVerified AllVerified",
      "take 1042",
      ...applied("off", 1042),
      ...pokedAll,
      "status Rolling off 0/3 Waiting NotConverged",
      "release",
      "status Idle off 3/3 AllVerified AllVerified",
    ],
  },
];

describe("a pass writes", () => {
  test.each(rows)("$name", async ({ from, arrange, options, writes, after }) => {
    const cluster = await meshAtRest(from);
    await arrange?.(cluster);
    expect(await writesOf(cluster, options)).toEqual(writes);
    after?.(cluster);
  });
});

test("a pass with nothing to do makes one list of pods and one look at the mesh", async () => {
  const cluster = await meshAtRest();
  await writesOf(cluster);
  expect(Object.fromEntries(cluster.calls)).toEqual({ glance: 1, readMesh: 1, readPods: 1 });
});

test("a drift pass asks every sidecar once", async () => {
  const cluster = await meshAtRest();
  await writesOf(cluster, { kind: "drift" });
  expect(Object.fromEntries(cluster.calls)).toEqual({
    survey: 1,
    writeStatus: 1,
    glance: 1,
    readMesh: 1,
    readPods: 1,
    ask: 3,
  });
});
