import type { KubeConnection } from "../../kube/connection.ts";
import { objectPath } from "../../kube/kinds.ts";
import { listAll } from "../../kube/list.ts";
import { type KubeObject, read } from "../../kube/objects.ts";
import { injectionWishes } from "../../mesh/injection-rule.ts";
import { annotations, apiVersion, forwarderName, lastGoodPrefix, leaseName, type MeshPlace } from "../../mesh/names.ts";
import { objectName } from "../../rollout/drift/guard-object.ts";
import { until } from "../install-checks.ts";
import { injects, judgesPods } from "../namespace-checks.ts";
import { type ObjectRef, removeIfThere } from "../remove-object.ts";
import type { Surroundings } from "./surroundings.ts";
import { untilNo } from "./waits.ts";

export interface Removing {
  readonly connection: KubeConnection;
  readonly place: MeshPlace;
  /** Names of what is gone, in order. */
  readonly removed: string[];
  /** To be asked again and again. @throws when the Lease is somebody else's */
  keepLease(): Promise<void>;
}

/**
 * The bindings, and the policies once new pods come as they are: the API server takes a moment to see that a binding is
 * gone, and whoever took away its parameter meanwhile would have all pods refused.
 */
export async function removeInjection(
  removing: Removing,
  { inventory, namespaces }: Surroundings,
  say: (state: string) => void,
): Promise<string> {
  const isBinding = ({ kind }: ObjectRef) => kind.endsWith("Binding");
  const { injection } = inventory.byStage;
  const bindings = injection.filter(isBinding);
  await removeAll(removing, bindings);
  const injected = namespaces.find(({ annotations: notes }) =>
    injectionWishes.enabled.some((yes) => yes === notes?.[annotations.injection]?.toLowerCase()),
  );
  const [tried = injected] = namespaces;
  // The bindings alone may be gone: an earlier run has removed them, and was ended in this wait.
  if (injection.length > 0 && tried) {
    say("waiting until new pods come without a sidecar");
    const { connection } = removing;
    const isInForce = async () => {
      const yes = injected === undefined ? false : await injects(connection, injected.name);
      return yes === false ? judgesPods(connection, tried.name) : yes;
    };
    await untilNo("new pods come without a sidecar", isInForce, () => removing.keepLease());
  }
  await removeAll(
    removing,
    injection.filter((object) => !isBinding(object)),
  );
  return injection.length === 0 ? "was off" : "off";
}

/** @param notes  gets what somebody may want back */
export async function removeStage(removing: Removing, objects: readonly ObjectRef[], notes: string[]): Promise<void> {
  const definitions = objects.filter(({ kind }) => kind === "CustomResourceDefinition");
  const custom: string[] = [];
  for (const definition of definitions) {
    for (const object of await customObjects(removing.connection, definition)) {
      custom.push(objectName(object));
      const { spec } = object;
      if (object.kind === "EgressRollout" && Object.keys(spec ?? {}).length > 0) {
        notes.push(
          `${objectName(object)} had spec ${JSON.stringify(spec)}, which a later osm install does not know of.`,
        );
      }
    }
  }
  await removeAll(removing, objects);
  for (const definition of definitions) {
    // Until it is gone a new one of its name would go with it.
    await until(`${objectName(definition)} is gone`, async () => {
      return (await read(removing.connection, objectPath(definition))) === undefined;
    });
  }
  removing.removed.push(...custom);
}

/** Those that are there; each is told as removed. @throws EgressError of the first that is refused */
export async function removeAll(
  { connection, removed, keepLease }: Removing,
  objects: readonly ObjectRef[],
): Promise<void> {
  for (const object of objects) {
    await keepLease();
    if (await removeIfThere(connection, object)) removed.push(objectName(object));
  }
}

async function customObjects(connection: KubeConnection, { metadata }: ObjectRef): Promise<readonly KubeObject[]> {
  const [plural] = metadata.name.split(".");
  // One that was never established serves nothing, and has none.
  const path = `/apis/${apiVersion}/${plural}`;
  const { status } = await connection.send({ method: "GET", path, query: { limit: 1 } });
  return status === 404 ? [] : listAll(connection, path, (object) => object as KubeObject);
}

/** Leases, and what passes have kept for going back. */
export async function removeRest(removing: Removing): Promise<void> {
  const { connection, place } = removing;
  const namespace = place.osmNamespace;
  const decode = (object: unknown): ObjectRef | undefined => {
    const { metadata } = object as KubeObject;
    if (!metadata.name.startsWith(lastGoodPrefix)) return undefined;
    return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: metadata.name, namespace } };
  };
  const kept = await listAll(connection, `/api/v1/namespaces/${namespace}/configmaps`, decode);
  await removeAll(removing, [...kept, ...meshLeases(place)]);
}

/** The reconciler's and the forwarder's. */
export function meshLeases({ osmNamespace: namespace }: MeshPlace): readonly ObjectRef[] {
  return [leaseName, forwarderName].map((name) => {
    return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace } };
  });
}
