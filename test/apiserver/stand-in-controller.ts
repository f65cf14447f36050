import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { expectOk, type KubeObject, read } from "#lib/kube/objects.ts";
import { appContainer } from "./pods.ts";

/** As the API server has it, as far as its pod goes. */
interface StoredWorkload {
  readonly metadata: { readonly uid: string; readonly generation: number };
  readonly spec: {
    readonly template: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
  };
}

/** A workload of one pod: on a bare API server nobody makes that. */
export function workload(kind: "Deployment" | "StatefulSet", namespace: string, name: string): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [appContainer] } },
    },
  };
}

/**
 * Takes the controller's part for one workload until it is stopped: after each change of its template a new pod instead
 * of the old one, and a status that says so. A Deployment's pod belongs to a ReplicaSet of its name. As a controller does
 * it tries again what the API server does not take.
 *
 * @param podSpec  of the first pod, as it came to be before the mesh; later ones are what the API server makes of them
 */
export async function standIn(
  connection: KubeConnection,
  object: KubeObject,
  podSpec: object = {},
): Promise<() => Promise<void>> {
  const { kind, metadata: meta } = object;
  const { namespace = "", name } = meta;
  const create = async (created: KubeObject) => {
    const path = objectPath(created).replace(/\/[^/]+$/, "");
    return JSON.parse((await expectOk(connection, { method: "POST", path, body: created })).text) as StoredWorkload;
  };
  const owned = (apiVersion: string, ownedKind: string, itsName: string, owner: StoredWorkload, ownerKind: string) => ({
    apiVersion,
    kind: ownedKind,
    metadata: {
      name: itsName,
      namespace,
      ownerReferences: [{ apiVersion: "apps/v1", kind: ownerKind, name, uid: owner.metadata.uid, controller: true }],
    },
  });
  const top = await create(object);
  const { spec } = object as unknown as { readonly spec: object };
  const maker =
    kind === "Deployment" ? await create({ ...owned("apps/v1", "ReplicaSet", name, top, kind), spec }) : top;
  const makerKind = kind === "Deployment" ? "ReplicaSet" : kind;

  const makePod = async (generation: number, annotations: object, more: object) => {
    const bare = owned("v1", "Pod", `${name}-${generation}`, maker, makerKind);
    if (!(await read(connection, objectPath(bare)))) {
      await create({
        ...bare,
        metadata: { ...bare.metadata, annotations },
        spec: { containers: [appContainer], ...more },
      });
    }
    const counts = { replicas: 1, updatedReplicas: 1, availableReplicas: 1, readyReplicas: 1 };
    await expectOk(connection, {
      method: "PATCH",
      path: `${objectPath(object)}/status`,
      contentType: "application/merge-patch+json",
      body: { status: { observedGeneration: generation, ...counts } },
    });
  };
  let seen = top.metadata.generation;
  await makePod(seen, {}, podSpec);

  const replace = async () => {
    const now = await read<StoredWorkload>(connection, objectPath(object));
    if (!now || now.metadata.generation <= seen) return;
    const old = { apiVersion: "v1", kind: "Pod", metadata: { namespace, name: `${name}-${seen}` } };
    if (await read(connection, objectPath(old))) {
      await expectOk(connection, { method: "DELETE", path: objectPath(old) });
    }
    await makePod(now.metadata.generation, now.spec.template.metadata.annotations ?? {}, {});
    seen = now.metadata.generation;
  };

  const stop = new AbortController();
  let trouble: unknown;
  const running = (async () => {
    while (!stop.signal.aborted) {
      trouble = await replace().then(
        () => undefined,
        (error: unknown) => error,
      );
      await sleep(50);
    }
  })();
  return async () => {
    stop.abort();
    await running;
    if (trouble !== undefined) throw trouble;
  };
}
