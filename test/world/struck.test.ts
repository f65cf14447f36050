import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { osmNamespace } from "#lib/mesh/names.ts";
import { type BusObserver, observeResults } from "#test/aws/bus-observer.ts";
import { deadLetters } from "#test/aws/dead-letters.ts";
import { functionNames } from "#test/aws/deployment.ts";
import { setDriftSchedule } from "#test/aws/drift-schedule.ts";
import { killFunctions } from "#test/aws/function-processes.ts";
import { putEvent } from "#test/aws/put-event.ts";
import { callWebhook, notifyAsFlux, webhookSecret } from "#test/aws/webhook-call.ts";
import { isFull, someOf } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { digestsNow } from "#test/faults/proxy/digests-now.ts";
import { type ApiFault, nth } from "#test/faults/proxy/fault.ts";
import { type FaultProxy, startFaultProxy } from "#test/faults/proxy/fault-proxy.ts";
import { namedSteps } from "#test/faults/proxy/named-steps.ts";
import { breachesIn, changesIn, takenOfTheDead, writesIn } from "#test/faults/proxy/write-journal.ts";
import { isCut, isOn, podsWithinMs } from "./expect-status.ts";
import { patchEgress } from "./mesh-pods.ts";
import { type MeshWorld, startMeshWorld } from "./mesh-world.ts";
import { bringUpSample } from "./sample-mesh.ts";
import { runningVersions } from "./sidecars.ts";
import { frozenSuite } from "./suites/frozen.ts";
import { fuzzedSuite } from "./suites/fuzzed.ts";
import { struckForwarderSuite } from "./suites/struck-forwarder.ts";

/** How long a message stays away whose function has died: a little more than a dead holder's Lease. */
const visibilitySeconds = 25;
const withinMs = 90_000;
const sidecars = 3;

const cases = namedSteps.flatMap(([name, step, when]) =>
  (["killed", "cut off"] as const).map((how) => ({ how, name, step, when })),
);

let mesh: MeshWorld;
let proxy: FaultProxy;
let admin: KubeConnection;
let bus: BusObserver;
/** Every credential that a function has shown to the API server. */
const tokens = new Set<string>();

beforeAll(async () => {
  mesh = await startMeshWorld({
    log: (line) => console.log(line),
    parameters: { visibilitySeconds: String(visibilitySeconds) },
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

const byText = (left = "", right = "") => left.localeCompare(right);

/** In the gate one of them, by the run's seed. */
test.each(someOf(cases))("a function $how $name: the change arrives, once", async ({ how, step, when }) => {
  const { target, history: told = [] } = await mesh.status();
  const egress = target?.egress !== true;
  const before = await digestsNow(admin);
  proxy.exchanges.length = 0;
  let struck = 0;
  const killed: ApiFault = {
    kind: "meet",
    when,
    async meet() {
      struck = await killFunctions(mesh.aws.emulator.pid);
      return "drop";
    },
  };
  const fault: ApiFault = how === "killed" ? killed : { kind: "reset", when };
  proxy.faults = nth(1, (request) => stepOf(request) === step, fault);
  await patchEgress(mesh.cluster, String(egress));
  const reached = await mesh.untilStatus("there", (it) => isOn(it, egress) && it.phase === "Idle", withinMs);
  expect(proxy.exchanges.filter((exchange) => exchange.fault !== undefined).length).toBe(1);
  expect(struck > 0).toBe(how === "killed");
  proxy.faults = () => undefined;

  expect(reached.sidecars).toMatchObject({ total: sidecars, verified: sidecars });
  const versions = [...(await runningVersions(mesh.cluster, sidecars)).values()];
  expect(versions.map((version) => version.split("-")[0])).toEqual(versions.map(() => (egress ? "on" : "off")));
  const ends = reached.history?.map(({ to, outcome }) => [to, outcome]);
  expect(ends?.slice(0, 2)).toEqual([
    [egress, "Converged"],
    [told[0]?.to, told[0]?.outcome],
  ]);
  const writes = writesIn(proxy.exchanges);
  const objects = changesIn(writes, before).map((change) => change.split(" ")[0]);
  expect(objects.toSorted(byText)).toEqual([...before.keys()].toSorted(byText));
  expect(breachesIn(writes, before, takenOfTheDead(writes))).toEqual([]);
});

frozenSuite(() => ({ mesh, proxy, admin }));

struckForwarderSuite(() => ({ mesh, proxy, admin }));

describe("what makes no sense", () => fuzzedSuite(() => mesh, { each: isFull ? 200 : 15 }));

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
