import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { type AuditLogShipper, shipAuditLog } from "#test/aws/audit-log.ts";
import { type BusObserver, observeResults } from "#test/aws/bus-observer.ts";
import { deadLetters } from "#test/aws/dead-letters.ts";
import { type FunctionName, functionNames } from "#test/aws/deployment.ts";
import { setDriftSchedule } from "#test/aws/drift-schedule.ts";
import { putEvent } from "#test/aws/put-event.ts";
import { roleUse } from "#test/aws/role-use.ts";
import { callWebhook, notifyAsFlux, webhookSecret } from "#test/aws/webhook-call.ts";
import { eventually } from "#test/eventually.ts";
import { configEvents } from "./announced.ts";
import { configMapWrites } from "./config-map-writes.ts";
import { cutWithinMs, isCut, isOn, podsWithinMs } from "./expect-status.ts";
import { forwarderLog, setForwarder } from "./forwarder.ts";
import { patchConfig, patchEgress, podOf } from "./mesh-pods.ts";
import { clusterName, type MeshWorld, startMeshWorld } from "./mesh-world.ts";
import { probeOnce } from "./probe.ts";
import { bringUpSample, sampleNamespace } from "./sample-mesh.ts";

let mesh: MeshWorld;
let bus: BusObserver;

beforeAll(async () => {
  mesh = await startMeshWorld({ log: (line) => console.log(line), emulator: { recording: true } });
  await setDriftSchedule(mesh.aws, "DISABLED");
  await mesh.install("--enable-permissive-traffic-policy");
  await bringUpSample(mesh, 1);
  await mesh.untilStatus("three verified", (it) => isCut(it) && it.sidecars?.verified === 3, podsWithinMs);
  await setForwarder(mesh.cluster, false);
  bus = await observeResults(mesh.aws);
});
afterAll(async () => {
  await mesh?.stop();
});

async function isOutsideReachable(): Promise<boolean> {
  const from = await podOf(mesh.cluster, sampleNamespace, "bookbuyer");
  return (await probeOnce(mesh.cluster, from, "tcp", mesh.world.outside.sites.tcp.target)).reached;
}

/** As Flux applies a commit: it owns the object, and puts its labels on it. */
async function commit(egress: string): Promise<void> {
  const labels = {
    "kustomize.toolkit.fluxcd.io/name": "mesh",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
  };
  const manifest = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "osm-config", namespace: "osm-system", labels },
    data: { egress },
  };
  await mesh.cluster.serverSideApply(manifest, { manager: "kustomize-controller", force: true });
}

interface Source {
  readonly source: string;
  /** Runs from before the change until after it. */
  readonly start?: () => Promise<() => Promise<void>>;
  /** What happens after the change, if anything has to. */
  readonly tell?: () => Promise<unknown>;
  readonly withinMs?: number;
}

const quick = 20_000;
const sources: Readonly<Record<string, Source>> = {
  "an event from the AWS console": {
    source: "a.person",
    tell: () =>
      putEvent(mesh.aws, mesh.aws.credentials.operator, "a.person", "Egress Reconcile Requested", {
        cluster: clusterName,
      }),
  },
  "Flux's webhook": { source: "osm.gitops", tell: () => notifyAsFlux(mesh.aws, clusterName) },
  "the audit log": {
    source: "osm.audit",
    async start() {
      const shipper = await shipAuditLog(mesh.aws.endpoint, clusterName, mesh.cluster.auditLogPath);
      return () => shipper.stop();
    },
  },
  "the forwarder": {
    source: "osm.forwarder",
    async start() {
      await setForwarder(mesh.cluster, true);
      return () => setForwarder(mesh.cluster, false);
    },
  },
  // One minute, and the emulator looks every ten seconds.
  "the schedule": {
    source: "osm.drift",
    withinMs: 90_000,
    async start() {
      await setDriftSchedule(mesh.aws, "ENABLED");
      return () => setDriftSchedule(mesh.aws, "DISABLED");
    },
  },
};

test.each(Object.entries(sources))(
  "%s alone, all others off, moves the mesh from off to on and back",
  async (_, way) => {
    const { source, start, tell, withinMs = quick } = way;
    const stop = await start?.();
    try {
      const reached = async (egress: boolean, at: (status: RolloutStatus) => boolean) => {
        await patchEgress(mesh.cluster, String(egress));
        await tell?.();
        const status = await mesh.untilStatus(`egress ${egress}`, at, withinMs + (egress ? 0 : cutWithinMs));
        expect(status.history?.[0]).toMatchObject({ to: egress, source, outcome: "Converged" });
        expect(await isOutsideReachable()).toBe(egress);
      };
      await reached(true, (it) => isOn(it, true));
      await reached(false, isCut);
    } finally {
      await stop?.();
    }
  },
);

test("with nobody to tell, nothing moves: so it was these sources that did", async () => {
  const before = await mesh.status();
  await patchEgress(mesh.cluster, "true");
  await sleep(3_000);
  expect(await mesh.status()).toEqual(before);
  await patchEgress(mesh.cluster, "false");
});

test("one GitOps commit, seen by webhook, forwarder and audit log: one rollout, one entry, with revision and user", async () => {
  await setForwarder(mesh.cluster, true);
  const shipper: AuditLogShipper = await shipAuditLog(mesh.aws.endpoint, clusterName, mesh.cluster.auditLogPath);
  try {
    const before = await mesh.untilStatus("at rest", isCut, cutWithinMs);
    const heardBefore = (await bus.heard()).length;
    const writesBefore = await configMapWrites(mesh.cluster.auditLogPath);
    await commit("true");
    await notifyAsFlux(mesh.aws, clusterName, { metadata: { revision: "main@sha1:c0ffee" } });
    await mesh.untilStatus("on", (it) => isOn(it, true));
    const told = await mesh.untilStatus(
      "all that the three know",
      ({ history }) => history?.[0]?.revision !== undefined && history[0].users !== undefined,
    );
    const [entry, ...older] = told.history ?? [];
    expect(entry).toMatchObject({
      from: false,
      to: true,
      by: "kustomize-controller",
      revision: "main@sha1:c0ffee",
      // Who applied it: this test's kubectl.
      users: ["admin"],
      outcome: "Converged",
    });
    expect(older).toEqual(before.history?.slice(0, 19));
    // The status is there before the bus has been told.
    const types = await eventually("the end is on the bus", async () => {
      const since = (await bus.heard()).slice(heardBefore).map((event) => event["detail-type"]);
      return since.includes("Egress Rollout Converged") && since;
    });
    expect(types).toEqual(["Egress Rollout Started", "Egress Rollout Converged"]);
    const writes = (await configMapWrites(mesh.cluster.auditLogPath)).slice(writesBefore.length);
    expect(writes.toSorted()).toEqual(
      ["bookbuyer", "bookstore", "bookthief", "default"].map((it) => `osm-sidecar.${it}`),
    );
    const wideStatus = await mesh.osm("egress", "status", "-o", "json");
    expect(wideStatus.stdout).toContain("main@sha1:c0ffee");
    await commit("false");
    await mesh.untilStatus("off", isCut, cutWithinMs);
  } finally {
    await shipper.stop();
    await setForwarder(mesh.cluster, false);
  }
});

test("one id names a change in the forwarder's log, in the function's until the last sidecar, and in what is announced", async () => {
  const { cluster, aws } = mesh;
  await setForwarder(cluster, true);
  try {
    await mesh.untilStatus("at rest", isCut, cutWithinMs);
    // Its start is an event as well, and the pass for that would make the change under an id of its own.
    await eventually("the pass for its start has ended", async () => {
      const [start] = (await forwarderLog(cluster)).filter(({ message }) => message === "forwarding");
      const lines = await aws.logs("reconcile");
      return start !== undefined && lines.some(({ fields }) => fields?.["correlationId"] === start["correlationId"]);
    });
    const toldBefore = (await configEvents(cluster, "EgressRolloutConverged")).length;
    const changed = JSON.parse(await patchConfig(cluster, '{"data":{"egress":"true"}}', "merge", "-o", "json")) as {
      readonly metadata: { readonly resourceVersion: string };
    };
    const { resourceVersion } = changed.metadata;
    const isOfIt = { message: "forwarding", kind: "ConfigMap", name: "osm-config", resourceVersion };
    const id = await eventually("the forwarder has told", async () => {
      const lines = await forwarderLog(cluster);
      return lines.find((line) => Object.entries(isOfIt).every(([key, value]) => line[key] === value))?.[
        "correlationId"
      ];
    });
    await mesh.untilStatus("on", (it) => isOn(it, true));
    const steps = await eventually(
      "the function's lines",
      async () => {
        const lines = (await aws.logs("reconcile")).map(({ fields }) => fields ?? {});
        const own = lines.filter(({ correlationId }) => correlationId === id);
        const said = own.map(({ message, what }) => [message, what].filter((text) => text !== undefined).join(" "));
        return said.includes("announced EgressRolloutConverged") && said;
      },
      // The log has them when their pass has ended.
      { withinMs: 40_000 },
    );
    const inOrder = ["pass begins", "sidecar ConfigMaps written", "pods poked", "announced EgressRolloutConverged"];
    expect(steps.filter((step) => inOrder.includes(step))).toEqual(inOrder);
    const heard = (await bus.heard()).filter(({ detail }) => detail["correlationId"] === id);
    expect(heard.map((event) => event["detail-type"])).toEqual(["Egress Rollout Started", "Egress Rollout Converged"]);
    const told = await configEvents(cluster, "EgressRolloutConverged");
    expect(told.slice(toldBefore)).toEqual(["egress is on at 3 of 3 sidecars"]);
  } finally {
    await patchEgress(cluster, "false");
    await mesh.untilStatus("off", isCut, cutWithinMs);
    await setForwarder(cluster, false);
  }
});

test("a revision of another Kustomization is attached to nothing", async () => {
  await commit("true");
  await notifyAsFlux(mesh.aws, clusterName, {
    involvedObject: { kind: "Kustomization", namespace: "flux-system", name: "another" },
    metadata: { revision: "main@sha1:bad" },
  });
  const on = await mesh.untilStatus("on", (it) => isOn(it, true));
  expect(on.history?.[0]).toMatchObject({ to: true, source: "osm.gitops" });
  expect(on.history?.[0]).not.toHaveProperty("revision");
  await commit("false");
  await notifyAsFlux(mesh.aws, clusterName);
  await mesh.untilStatus("off", isCut, cutWithinMs);
});

test("how many sidecars there are and how many are verified is written for the cluster, all else for all together", async () => {
  const lines = (await mesh.aws.logs("reconcile")).flatMap(({ fields }) => (fields?.["_aws"] ? [fields] : []));
  const setsOf = (name: string) =>
    new Set(
      lines
        .filter((fields) => name in fields)
        .map(({ _aws }) => JSON.stringify(Object(_aws).CloudWatchMetrics[0].Dimensions)),
    );
  expect([...setsOf("SidecarsVerified")]).toEqual(['[["service","cluster"]]']);
  expect([...setsOf("ApiRequests")]).toEqual(['[["service"]]']);
  expect(lines).toContainEqual(expect.objectContaining({ cluster: clusterName, SidecarsVerified: 3 }));
});

/** Granted and not seen: what the emulator, or Lambda itself, does in the role's name. */
const logging = {
  "logs:CreateLogStream": "Lambda writes the log",
  "logs:PutLogEvents": "Lambda writes the log",
};
const unseen: Readonly<Record<FunctionName, Readonly<Record<string, string>>>> = {
  reconcile: {
    ...logging,
    "sqs:ReceiveMessage osm-egress-test": "the event source mapping receives",
    "sqs:DeleteMessage osm-egress-test": "the event source mapping deletes",
    "sqs:GetQueueAttributes osm-egress-test": "the event source mapping looks",
    "sqs:SendMessage osm-egress-test": "only by a pass that runs out of time: test/scripted, test/aws/stack.test.ts",
  },
  "check-drift": { ...logging, "sqs:SendMessage osm-egress-test-dead": "Lambda, when three tries have failed" },
  "gitops-webhook": logging,
  "forward-audit-log": { ...logging, "sqs:SendMessage osm-egress-test-dead": "Lambda, when three tries have failed" },
};

test("every way out of the functions is gone once: a request that is none, and a call that is refused", async () => {
  const id = await putEvent(mesh.aws, mesh.aws.credentials.operator, "a.person", "Egress Reconcile Requested", {});
  await eventually("a dead letter", async () => (await deadLetters(mesh.aws)).find(({ body }) => body.includes(id)));
  const headers = { authorization: `Bearer ${await webhookSecret(mesh.aws, "argocd-token")}` };
  expect(await callWebhook(mesh.aws, `argocd/${clusterName}`, "{}", headers)).toBe(400);
});

test.each(functionNames)("the role of %s equals what this run used of it, but for what has a reason", async (name) => {
  const { granted, used } = await roleUse(mesh.aws, name);
  expect(used.length).toBeGreaterThan(0);
  // Nothing that was refused: the emulator enforces the policies, and what it refuses is an error in the function's log.
  expect((await mesh.aws.logs(name)).filter(({ text }) => /AccessDenied|not authorized/.test(text))).toEqual([]);
  const reasons = Object.keys(unseen[name]);
  expect(granted.filter((grant) => !used.includes(grant) && !reasons.includes(grant))).toEqual([]);
  expect(reasons.filter((reason) => !granted.includes(reason))).toEqual([]);
});
