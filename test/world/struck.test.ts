import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { osmNamespace } from "#lib/mesh/names.ts";
import { type BusObserver, observeResults } from "#test/aws/bus-observer.ts";
import { deadLetters } from "#test/aws/dead-letters.ts";
import { functionNames } from "#test/aws/deployment.ts";
import { setDriftSchedule } from "#test/aws/drift-schedule.ts";
import { putEvent } from "#test/aws/put-event.ts";
import { callWebhook, notifyAsFlux, webhookSecret } from "#test/aws/webhook-call.ts";
import { isFull, runSeed, someOf } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { type FaultProxy, startFaultProxy } from "#test/faults/proxy/fault-proxy.ts";
import { namedSteps } from "#test/faults/proxy/named-steps.ts";
import { isCut, podsWithinMs } from "./expect-status.ts";
import { patchEgress } from "./mesh-pods.ts";
import { type MeshWorld, startMeshWorld } from "./mesh-world.ts";
import { bringUpSample } from "./sample-mesh.ts";
import { frozenSuite, underWay } from "./suites/frozen.ts";
import { fuzzedSuite } from "./suites/fuzzed.ts";
import { struckForwarderSuite } from "./suites/struck-forwarder.ts";
import { struckFunctionSuite, struckFunctions } from "./suites/struck-function.ts";

/** About a tenth of what is deployed by default; a kubelet is not ten times as fast. */
const tenth = { visibilitySeconds: "8", leaseSeconds: "2", deadlineSeconds: "6" };
const withinMs = 45_000;
const takenOverWithinMs = 60_000;
const sidecars = 3;

/** By the run's seed. */
const one = <T>(all: readonly T[]) => all[runSeed % all.length] as T;

let mesh: MeshWorld;
let proxy: FaultProxy;
let admin: KubeConnection;
let bus: BusObserver;
/** Every credential that a function has shown to the API server. */
const tokens = new Set<string>();

beforeAll(async () => {
  mesh = await startMeshWorld({
    log: (line) => console.log(line),
    parameters: tenth,
    async between({ apiServer, hostAddress }) {
      const authenticate = (token: string) => void tokens.add(token);
      proxy = await startFaultProxy(apiServer, { address: hostAddress, authenticate });
      return proxy;
    },
  });
  admin = openKubeconfig({ kubeconfig: mesh.cluster.kubeconfigPath });
  bus = await observeResults(mesh.aws);
  // What follows is to be taken up by what the queue brings back.
  await setDriftSchedule(mesh.aws, "DISABLED");
  await mesh.install("--enable-permissive-traffic-policy");
  await bringUpSample(mesh, 1);
  await mesh.untilStatus("all verified", (it) => isCut(it) && it.sidecars?.verified === sidecars, podsWithinMs);
});
afterAll(async () => {
  await mesh?.stop();
  await proxy?.close();
});

const stage = () => ({ mesh, proxy, admin });

/** In the gate one of them, by the run's seed. */
struckFunctionSuite(stage, someOf(struckFunctions), { sidecars, withinMs });

frozenSuite(stage, [underWay, ...someOf(namedSteps)], takenOverWithinMs);

struckForwarderSuite(stage);

describe("what makes no sense", () => fuzzedSuite(() => mesh, { each: isFull ? 200 : 15 }));

// Each of them is a message's 75 s, so the gate is without.
describe.each(isFull ? ["the times that are deployed by default"] : [])("with %s", () => {
  beforeAll(async () => {
    await mesh.aws.redeploy({});
    await setDriftSchedule(mesh.aws, "DISABLED");
  }, 180_000);
  const killed = one(struckFunctions.filter(({ how }) => how === "killed"));
  const cutOff = one(struckFunctions.filter(({ how }) => how === "cut off"));
  struckFunctionSuite(stage, [killed, cutOff], { sidecars, withinMs: 90_000 });
});

test("nothing that the run has logged, told or kept shows a token, a key or a kubeconfig", async () => {
  const { aws, cluster, osm } = mesh;
  // So that what only fails or is refused has been said as well.
  await callWebhook(aws, "flux/shop", "{}", { "x-signature": "sha256=00" });
  await notifyAsFlux(aws, "shop");
  const argoCdToken = await webhookSecret(aws, "argocd-token");
  await callWebhook(aws, "argocd/shop", "{}", { authorization: `Bearer ${argoCdToken}` });
  await putEvent(aws, aws.credentials.operator, "a.person", "Egress Reconcile Requested", { cluster: 7 });
  await patchEgress(cluster, "ture").catch(() => undefined);
  const isTold = async () => (await aws.logs("gitops-webhook")).length > 2;
  await eventually("the webhook's lines", isTold, { withinMs: 20_000 });

  const kept = await Promise.all([
    ...functionNames.map(async (name) => (await aws.logs(name)).map(({ text }) => text).join("\n")),
    cluster.kubectl("logs", "deployment/osm-forwarder", "-n", osmNamespace),
    cluster.kubectl("get", "events", "-A", "-o", "json"),
    cluster.kubectl("get", "egr,meshinjections,leases,configmaps", "-A", "-o", "json"),
    cluster.kubectl("get", "pods", "-A", "-o", "json"),
    bus.heard().then((events) => JSON.stringify(events)),
    deadLetters(aws).then((letters) => JSON.stringify(letters)),
    osm("reconcile").then(({ stdout, stderr }) => stdout + stderr),
    ...[["status", "-o", "json"], ["status"]].map(async (words) => {
      const { stdout, stderr } = await osm("egress", ...words);
      return stdout + stderr;
    }),
  ]);
  const [reconcile = "", , webhook = ""] = kept;
  expect(reconcile.split("\n").length).toBeGreaterThan(20);
  expect(webhook).not.toBe("");
  const secrets = [
    ...tokens,
    aws.credentials.operator.secretAccessKey,
    aws.credentials.forwarder.secretAccessKey,
    await webhookSecret(aws, "flux-key"),
    argoCdToken,
    ...keyOf(cluster.kubeconfigPath),
  ];
  expect(tokens.size).toBeGreaterThan(0);
  expect(secrets.filter((secret) => secret.length < 8)).toEqual([]);
  const found = secrets.filter((secret) => kept.some((text) => text.includes(secret) || text.includes(signed(secret))));
  expect(found).toEqual([]);
});

/** What a kubeconfig's user has: the lines of its private key, and where that is. */
function keyOf(kubeconfig: string): readonly string[] {
  const [, file = ""] = /"client-key": "([^"]+)"/.exec(readFileSync(kubeconfig, "utf8")) ?? [];
  return [
    file,
    ...readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.length > 30 && !line.startsWith("-")),
  ];
}

/** The signature in an EKS token, which is all that is secret of it; of anything else the thing itself. */
function signed(secret: string): string {
  const url = Buffer.from(secret.replace(/^k8s-aws-v1\./, ""), "base64url").toString("utf8");
  return /X-Amz-Signature=([0-9a-f]+)/.exec(url)?.[1] ?? secret;
}
