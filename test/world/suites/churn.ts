import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { readPods } from "#lib/kube/pod-reader.ts";
import { askSidecar } from "#lib/kube/sidecar-status.ts";
import { type ObservedPod, podKey } from "#lib/rollout/observation.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import { runSeed, seededRandom } from "#test/counts.ts";
import { churnPrefix, startChurn } from "../churn.ts";
import { type EgressByVersion, watchEgressVersions } from "../egress-by-version.ts";
import { isCut } from "../expect-status.ts";
import { podsOf } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { sampleNamespace } from "../sample-mesh.ts";

const verifiedWithinMs = 3_000;
/** Ten sidecars asked much more often would be a load of their own on the API server that is tested. */
const askEveryMs = 200;
const minChangesPerSecond = 2;
const [shortestPauseMs, longestPauseMs] = [2_000, 5_000];

export function churnSuite(theMesh: () => MeshWorld, counts: { readonly flips: number }): void {
  test(`under churn each of ${counts.flips} flips is verified within 3 s on every sidecar that ran at the flip`, {
    timeout: 60_000 + counts.flips * 10_000,
  }, async () => {
    const mesh = theMesh();
    const connection = openKubeconfig({ kubeconfig: mesh.cluster.kubeconfigPath });
    const versions = watchEgressVersions(connection);
    const random = seededRandom(runSeed);
    const backends = await podsOf(mesh.cluster, sampleNamespace);
    const churn = startChurn(
      connection,
      sampleNamespace,
      backends.map(({ pod }) => pod),
      random,
    );
    const churnedSinceMs = Date.now();
    const late: string[] = [];
    const ranAtFlips: (readonly ObservedPod[])[] = [];
    let changesPerSecond = 0;
    try {
      await sleep(1_000);
      for (let flip = 0; flip < counts.flips; flip++) {
        const egress = flip % 2 === 0;
        const ran = (await readPods(connection)).filter(
          (pod) => pod.sidecarStartedAtMs !== undefined && !pod.terminating,
        );
        ranAtFlips.push(ran);
        await setEgress(connection, egress);
        const flippedMs = Date.now();
        const heardMs: number[] = [];
        const [onEverySidecar, inStatus] = await Promise.all([
          untilAll(connection, versions, ran, egress, flippedMs, heardMs),
          untilHistory(mesh, egress, flippedMs),
        ]);
        const missed = [onEverySidecar, inStatus].filter((it) => it !== undefined);
        if (missed.length > 0)
          late.push(
            `flip ${flip} to ${egress}: ${missed.join("; ")}\non the sidecars after ${heardMs.toSorted((a, b) => a - b).join(", ")} ms\n${await passesSince(mesh, flippedMs)}`,
          );
        const pauseMs = shortestPauseMs + random() * (longestPauseMs - shortestPauseMs);
        await sleep(Math.max(0, pauseMs - (Date.now() - flippedMs)));
      }
      const changes = Object.values(churn.made).reduce((sum, made) => sum + made, 0);
      changesPerSecond = (changes * 1_000) / (Date.now() - churnedSinceMs);
    } finally {
      versions.stop();
      await churn.stop();
    }
    // It did churn: or the test has shown nothing.
    for (const made of Object.values(churn.made)) expect(made).toBeGreaterThan(0);
    expect(changesPerSecond).toBeGreaterThanOrEqual(minChangesPerSecond);
    expect(ranAtFlips.flat().filter(({ name }) => name.startsWith(churnPrefix))).not.toEqual([]);
    expect(Math.min(...ranAtFlips.map((ran) => ran.length))).toBeGreaterThanOrEqual(backends.length);
    expect(late).toEqual([]);
    await setEgress(connection, false);
    await mesh.untilStatus("at rest", (it) => isCut(it) && it.sidecars?.total === backends.length, 60_000);
  });
}

async function setEgress(connection: KubeConnection, egress: boolean): Promise<void> {
  await expectOk(connection, {
    method: "PATCH",
    path: "/api/v1/namespaces/osm-system/configmaps/osm-config",
    contentType: "application/merge-patch+json",
    body: { data: { egress: String(egress) } },
  });
}

/**
 * Asked directly, past all status.
 *
 * @param heardMs  gets the time of each sidecar that has it
 * @returns what was wrong when the time was over; a pod deleted meanwhile does not count
 */
async function untilAll(
  connection: KubeConnection,
  versions: EgressByVersion,
  ran: readonly ObservedPod[],
  egress: boolean,
  sinceMs: number,
  heardMs: number[],
): Promise<string | undefined> {
  const asked = ran.map(async (pod) => {
    const isInTime = () => Date.now() - sinceMs <= verifiedWithinMs;
    while (isInTime()) {
      const answer = await askSidecar(connection, pod);
      const isThere = answer.kind === "answered" && versions.egressOf(answer.says.listeners) === egress;
      // An answer may take long to come: then it was there, and nobody knows since when.
      if (isThere && isInTime()) {
        heardMs.push(Date.now() - sinceMs);
        return [];
      }
      await sleep(askEveryMs);
    }
    return [pod];
  });
  const late = (await Promise.all(asked)).flat();
  const left = new Set((await readPods(connection)).filter((pod) => !pod.terminating).map((pod) => pod.uid));
  const named = late.filter((pod) => left.has(pod.uid)).map(podKey);
  return named.length === 0 ? undefined : `not on it after ${verifiedWithinMs} ms: ${named.join(" ")}`;
}

/** What the function's log has of that time, for whoever wonders why: when each pass began, and what each had done. */
export async function passesSince({ aws }: MeshWorld, sinceMs: number): Promise<string> {
  const lines = (await aws.logs("reconcile")).flatMap(({ fields = {} }) => {
    const stamp = fields["timestamp"] ?? (fields["_aws"] as { readonly Timestamp?: number } | undefined)?.Timestamp;
    const atMs = (typeof stamp === "number" ? stamp : Date.parse(String(stamp))) - sinceMs;
    if (!(atMs > -3_000 && atMs < 8_000)) return [];
    const { message, function_request_id: id, outcome, PassMs, ApiWrites, SidecarPokes, SidecarAsks } = fields;
    return [`${atMs} ms: ${JSON.stringify({ message, id, outcome, PassMs, ApiWrites, SidecarPokes, SidecarAsks })}`];
  });
  return lines.join("\n");
}

/** What the mesh itself says; if it says so too late, with what it said meanwhile. */
async function untilHistory(mesh: MeshWorld, egress: boolean, sinceMs: number): Promise<string | undefined> {
  const said = new Map<string, number>();
  for (;;) {
    const status = await mesh.status();
    const entry = status.history?.[0];
    const saying = JSON.stringify([entry, status.target, conditionOf(status, "Converged")?.message, status.lagging]);
    if (!said.has(saying)) said.set(saying, Date.now() - sinceMs);
    const isThis = entry?.to === egress && Date.parse(entry.startedAt) >= sinceMs - 1_000;
    const verifiedMs = isThis && entry.tookMs !== undefined ? Date.parse(entry.startedAt) + entry.tookMs : undefined;
    if (verifiedMs !== undefined) {
      const tookMs = verifiedMs - sinceMs;
      const meanwhile = [...said].map(([text, atMs]) => `${atMs} ms: ${text}`).join("\n");
      return tookMs <= verifiedWithinMs ? undefined : `status says verified after ${tookMs} ms\n${meanwhile}`;
    }
    if (Date.now() - sinceMs > 3 * verifiedWithinMs) return `no entry in the history: ${JSON.stringify(entry)}`;
    await sleep(100);
  }
}
