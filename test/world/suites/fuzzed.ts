import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { annotations, labels } from "#lib/mesh/names.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { accountId } from "#test/aws/eks-record.ts";
import { type Queues, queuesOf } from "#test/aws/queues.ts";
import { runSeed } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { fuzzedEvent, ownAccount } from "#test/faults/fuzz/events.ts";
import { fuzzedConfigMap, fuzzedOsmConfig } from "#test/faults/fuzz/objects.ts";
import { egressIn } from "#test/parse-bool.ts";
import { isCut, isOn, podsWithinMs } from "../expect-status.ts";
import { patchEgress } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { sampleNamespace } from "../sample-mesh.ts";
import { sidecarDigests } from "../sidecars.ts";

const path = "/api/v1/namespaces/osm-system/configmaps/osm-config";
const drainMs = 120_000;

type FuzzedData = Readonly<Record<string, string>>;

/** What is none of ours, or makes no sense, through the emulator and into a real cluster. Ends with egress off. */
export function fuzzedSuite(theMesh: () => MeshWorld, counts: { readonly each: number }): void {
  const numRuns = counts.each;
  let queues: Queues;
  let admin: KubeConnection;
  beforeAll(async () => {
    queues = queuesOf(theMesh().aws);
    admin = openKubeconfig({ kubeconfig: theMesh().cluster.kubeconfigPath });
    await patchEgress(theMesh().cluster, "false");
    await theMesh().untilStatus("off", isCut, podsWithinMs);
  });
  afterAll(() => queues?.close());

  async function untilDrained(): Promise<number> {
    const drained = async () => {
      const { waiting, dead } = await queues.count();
      return waiting === 0 && { dead };
    };
    return (await eventually("the queue is empty", drained, { withinMs: drainMs, everyMs: 500 })).dead;
  }

  /** Lines that a function writes by its logger are JSON; a runtime that ends says so in words. */
  async function crashes(): Promise<readonly string[]> {
    const lines = await theMesh().aws.logs("reconcile");
    return lines
      .filter(({ text, fields }) => fields === undefined && /Error|Unhandled|exit/.test(text))
      .map(({ text }) => text);
  }

  test(`${numRuns} fuzzed messages: dead with the field named, or a pass that changes nothing; none is lost`, {
    timeout: 300_000,
  }, async () => {
    // A function that an earlier test killed before its first call leaves its message hidden for the queue's six minutes.
    await queues.empty();
    const before = await sidecarDigests(theMesh().cluster);
    const { history } = await theMesh().status();
    let malformed = 0;
    for (const { body, wrong } of fc.sample(fuzzedEvent, { numRuns, seed: runSeed })) {
      const isTaken = await queues.send(body.replaceAll(ownAccount, accountId));
      if (isTaken && wrong !== undefined) malformed++;
    }
    expect(malformed).toBeGreaterThan(0);
    expect(await untilDrained()).toBe(malformed);
    expect(await crashes()).toEqual([]);
    expect(await sidecarDigests(theMesh().cluster)).toEqual(before);
    expect((await theMesh().status()).history).toEqual(history);
    await queues.empty();
  });

  test(`${numRuns} fuzzed osm-configs past the policy: only a boolean moves the mesh, and the last one stands`, {
    timeout: 300_000,
  }, async () => {
    const { cluster, install, untilStatus, status } = theMesh();
    const get = await admin.send({ method: "GET", path });
    const { metadata, data } = JSON.parse(get.text) as { readonly metadata: object; readonly data: object };
    await cluster.kubectl("delete", "validatingadmissionpolicybinding", "osm-config");
    const put = (fuzzed: object) => {
      const { resourceVersion: _, managedFields: __, ...kept } = metadata as Record<string, unknown>;
      return admin.send({
        method: "PUT",
        path,
        body: { apiVersion: "v1", kind: "ConfigMap", metadata: kept, data: fuzzed },
      });
    };
    await eventually("a bad value is let in", async () => (await put({ ...data, egress: "ture" })).status === 200);
    /** @returns the version of the last one that was taken, and which way that one has the switch */
    const putAll = async (all: readonly FuzzedData[]) => {
      let last: { readonly version: string; readonly egress: boolean | undefined } | undefined;
      for (const fuzzed of all) {
        const { status: answered, text } = await put(fuzzed);
        expect(answered).toBeLessThan(500);
        if (answered !== 200) continue;
        const { metadata: written } = JSON.parse(text) as { readonly metadata: { readonly resourceVersion: string } };
        last = { version: written.resourceVersion, egress: egressIn(fuzzed) };
      }
      return last;
    };
    const samples: readonly FuzzedData[] = fc.sample(fuzzedOsmConfig, { numRuns, seed: runSeed });
    const before = await status();
    // Passes see the last of many: it is the one that is nearest to moving the mesh.
    const nearly = { ...data, egress: " tRUE" };
    const bad = await putAll([...samples.filter((one) => egressIn(one) === undefined), nearly]);
    expect(bad).toBeDefined();
    const kept = await untilStatus("they are seen", (it) => it.observed?.resourceVersion === bad?.version, 60_000);
    expect(kept.target?.egress).toBe(before.target?.egress);
    expect(kept.history).toEqual(before.history);

    // Whatever comes right after a boolean may come before anybody has seen that.
    const booleans = samples.filter((one) => egressIn(one) !== undefined);
    const last = await putAll([...booleans, { ...data, egress: "true" }]);
    const isThere = (it: RolloutStatus) => it.observed?.resourceVersion === last?.version && isOn(it, true);
    const { history } = await untilStatus("where the last boolean said", isThere, 60_000);
    // There and back again, before it has been anywhere: from where it really was.
    const wrong = history?.filter(
      ({ to, from }, at) => typeof to !== "boolean" || (from === to && history[at + 1]?.outcome === "Converged"),
    );
    expect(wrong).toEqual([]);
    expect(await crashes()).toEqual([]);
    await put(data);
    await install("--enable-permissive-traffic-policy");
    await untilStatus("off again", isCut, 30_000);
  });

  test(`${numRuns} fuzzed ConfigMaps of others: the mesh goes where osm-config says, and they stay as they are`, {
    timeout: 300_000,
  }, async () => {
    const { cluster, untilStatus } = theMesh();
    const exempted = openKubeconfig(
      { kubeconfig: cluster.kubeconfigPath },
      { user: "mallory", groups: ["osm:reconcilers", "system:masters"] },
    );
    const made = new Map<string, string>();
    // An API server takes one in five: most have a name or a key that none may have.
    for (const raw of fc.sample(fuzzedConfigMap, { numRuns: 40 * numRuns, seed: runSeed })) {
      if (made.size === numRuns) break;
      const notes = {
        [annotations.account]: raw.account,
        [annotations.fencing]: raw.fencing,
        [annotations.settings]: raw.settings,
      };
      const where = `/api/v1/namespaces/${raw.namespace === "shop" ? sampleNamespace : "default"}/configmaps`;
      const { status, text } = await exempted.send({
        method: "POST",
        path: where,
        body: {
          metadata: {
            name: raw.name,
            labels: { [labels.sidecarConfig]: "osm" },
            annotations: Object.fromEntries(Object.entries(notes).filter(([, value]) => value !== null)),
          },
          data: raw.files,
          immutable: raw.immutable,
        },
      });
      expect(status).toBeLessThan(500);
      if (status === 201) made.set(`${where}/${encodeURIComponent(raw.name)}`, isOurs(raw) ? "ours" : versionOf(text));
    }
    expect(made.size).toBe(numRuns);
    await patchEgress(cluster, "true");
    await untilStatus("on", (it) => isOn(it, true), 30_000);
    await patchEgress(cluster, "false");
    await untilStatus("off", isCut, 30_000);
    expect(await crashes()).toEqual([]);
    const altered: string[] = [];
    for (const [one, version] of made) {
      const { status, text } = await admin.send({ method: "GET", path: one });
      // One of our form is kept like any other, and none is old enough yet to be taken for left over.
      if (status !== 200 || ![versionOf(text), "ours"].includes(version)) altered.push(`${one}: ${status} ${text}`);
      await exempted.send({ method: "DELETE", path: one });
    }
    expect(altered).toEqual([]);
  });
}

/** What no other than the reconcilers may make: named for its account. */
function isOurs({ name, account }: { readonly name: string; readonly account: string | null }): boolean {
  return account !== null && name === sidecarConfigName(account);
}

function versionOf(text: string): string {
  return (JSON.parse(text) as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
}
