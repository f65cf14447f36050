import { setTimeout as delay } from "node:timers/promises";
import pLimit from "p-limit";
import { EgressError } from "../errors.ts";
import { annotations, apiVersion, injectionName, type MeshPlace, osmConfigName } from "../mesh/names.ts";
import type { PassLog } from "../reconcile/pass.ts";
import type { ClusterPorts } from "../reconcile/ports.ts";
import { type KubeConnection, maxInFlight, metadataOnly } from "./connection.ts";
import { meshInjectionPath } from "./kinds.ts";
import { Lease, leaseNumber, ServerClock } from "./lease.ts";
import { readGlance, readMesh } from "./mesh-reader.ts";
import { apply, expectOk } from "./objects.ts";
import { patientConnection } from "./patient-connection.ts";
import { pokeText, readPods } from "./pod-reader.ts";
import { createConfigEvent, writeRolloutStatus } from "./rollout-writer.ts";
import { sidecarConfigMap } from "./sidecar-config-map.ts";
import { askSidecar } from "./sidecar-status.ts";
import { type LoadGuards, readSurvey } from "./survey-reader.ts";

/** Of what was tried again so many are named, each once. */
const maxTroubles = 8;

export interface ClusterPortsOptions {
  /** What a survey compares with; without it there is none. */
  readonly loadGuards?: LoadGuards;
  /** Namespaces to treat as labelled already. */
  readonly alsoInMesh?: readonly string[];
  /** How long its Lease is good without being renewed. */
  readonly leaseSeconds?: number;
  /** Told at the end, in one line, what was tried again and came to pass, or did not. */
  readonly log?: Pick<PassLog, "warn">;
}

/**
 * The real ports of a pass.
 *
 * @param passId  the Lease's holder, unique per pass
 */
export function clusterPorts(
  plain: KubeConnection,
  place: MeshPlace,
  passId: string,
  { loadGuards, alsoInMesh = [], leaseSeconds, log }: ClusterPortsOptions = {},
): ClusterPorts {
  let sent = 0;
  const connection: KubeConnection = {
    ...plain,
    send: (request) => {
      sent++;
      return plain.send(request);
    },
  };
  let again = 0;
  const troubles = new Set<string>();
  const patient = patientConnection(connection, (trouble) => {
    again++;
    if (troubles.size < maxTroubles) troubles.add(trouble);
  });
  const { osmNamespace, meshName } = place;
  const clock = new ServerClock();
  const lease = new Lease(connection, osmNamespace, { holder: passId, seconds: leaseSeconds }, clock);
  const limit = pLimit(maxInFlight);
  let ended = 0;
  const inTurn = <T>(send: () => Promise<T>): Promise<T> => {
    const endedBefore = ended;
    return limit(() => {
      if (ended !== endedBefore) throw new EgressError("api-unavailable", "not sent: the pass is over");
      return send();
    });
  };
  let osmConfigUid: string | undefined;

  return {
    place,
    async glance() {
      const glance = await readGlance(patient, place, clock);
      osmConfigUid = glance.osmConfig?.uid;
      return glance;
    },
    async readMesh(glance) {
      const seen = await readMesh(patient, place, clock, { glance, alsoInMesh });
      osmConfigUid = seen.osmConfig?.uid;
      return seen;
    },
    readPods: () => readPods(patient),
    async survey() {
      if (!loadGuards) throw new EgressError("settings-invalid", "a pass without guards cannot survey the cluster");
      return readSurvey(patient, place, clock, await loadGuards());
    },

    takeLease: (seen, atLeast) => lease.take(seen, atLeast),
    markLease: (seen) => lease.mark(seen),
    renewLease: (held) => lease.renew(held),
    releaseLease: (held) => lease.release(held),
    leaseNumber: () => leaseNumber(patient, osmNamespace),

    applyConfigMap: (write, running, fencing) =>
      inTurn(() =>
        goneIf(["namespace-terminating", "object-missing"], async () => {
          const object = sidecarConfigMap(write, running, fencing, meshName);
          const path = configMapPath(write.account.namespace, write.name);
          // Pods that mount it take the new one only when they are restarted; they stay behind, and are named.
          if (write.replaces !== undefined) await deleteAsSeen(connection, path, write.replaces);
          await apply(patient, path, object, { accept: metadataOnly.object }).catch((error: unknown) => {
            throw isImmutable(error) ? new EgressError("object-conflict", `${path}: made immutable just now`) : error;
          });
        }),
      ),
    async deleteConfigMap(map) {
      await goneIf(["object-missing", "object-conflict"], () =>
        expectOk(connection, {
          method: "DELETE",
          path: configMapPath(map.namespace, map.name),
          body: { preconditions: { resourceVersion: map.resourceVersion } },
        }),
      );
    },
    async applyInjection(spec) {
      await apply(connection, meshInjectionPath(osmNamespace), {
        apiVersion,
        kind: "MeshInjection",
        metadata: { name: injectionName, namespace: osmNamespace },
        spec,
      });
    },
    poke: (pod, note) =>
      inTurn(() =>
        goneIf(["object-missing"], () =>
          expectOk(connection, {
            method: "PATCH",
            path: `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`,
            contentType: "application/merge-patch+json",
            accept: metadataOnly.object,
            body: { metadata: { annotations: { [annotations.poke]: pokeText(note) } } },
          }),
        ),
      ),
    ask: (pod) => inTurn(() => askSidecar(connection, pod)),
    writeStatus: (status, resourceVersion) => writeRolloutStatus(connection, osmNamespace, status, resourceVersion),
    recordEvent: (event) =>
      createConfigEvent(connection, osmNamespace, event, {
        name: osmConfigName,
        ...(osmConfigUid === undefined ? {} : { uid: osmConfigUid }),
      }),

    end: () => {
      ended++;
      if (again > 0) log?.warn("requests were tried again", { tries: again, troubles: [...troubles] });
      again = 0;
      troubles.clear();
    },
    requestsSent: () => sent,
    nowMs: () => Date.now(),
    sleep: (ms) => delay(ms),
  };
}

async function goneIf(
  reasons: readonly EgressError["reason"][],
  write: () => Promise<unknown>,
): Promise<"done" | "gone"> {
  try {
    await write();
    return "done";
  } catch (error) {
    if (error instanceof EgressError && reasons.includes(error.reason)) return "gone";
    throw error;
  }
}

/**
 * No fencing number keeps a deletion out: what another pass, or anybody, has written since, or removed, is left alone.
 *
 * @throws EgressError `object-conflict`, and another look shows what is there now
 */
async function deleteAsSeen(connection: KubeConnection, path: string, resourceVersion: string): Promise<void> {
  const body = { preconditions: { resourceVersion } };
  const outcome = await goneIf(["object-missing"], () => expectOk(connection, { method: "DELETE", path, body }));
  if (outcome === "gone") throw new EgressError("object-conflict", `${path}: deleted since it was seen`);
}

/** Somebody has set `immutable`, which only deleting undoes: "field is immutable when `immutable` is set". */
function isImmutable(error: unknown): boolean {
  return error instanceof EgressError && error.reason === "api-invalid" && error.message.includes("is immutable when");
}

function configMapPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps/${encodeURIComponent(name)}`;
}
