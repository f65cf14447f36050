import { defaults } from "#deploy/parameters.ts";
import { sidecarConfigBinding, sidecarConfigPolicy } from "#deploy/policies/sidecar-config.ts";
import { reconcilerAccess } from "#deploy/rbac/reconciler.ts";
import type { KubeConnection } from "../../kube/connection.ts";
import { listAll } from "../../kube/list.ts";
import { read } from "../../kube/objects.ts";
import { decodeNamespace } from "../../kube/sidecar-pods.ts";
import type { InjectionNamespace } from "../../mesh/injection-rule.ts";
import { labels, type MeshPlace, osmConfigName } from "../../mesh/names.ts";
import { plainConfigPrefix } from "../../mesh/sidecar-config-name.ts";
import { objectName } from "../../rollout/drift/guard-object.ts";
import { CommandError } from "../failure.ts";
import { installedPlaces } from "../installed-place.ts";
import { osmConfigPath } from "../rollout-reader.ts";
import { type Removing, removeAll } from "./removal.ts";
import { type Inventory, readInventory } from "./stages.ts";
import { untilNo } from "./waits.ts";

/** What an uninstallation finds. */
export interface Surroundings {
  readonly inventory: Inventory;
  /** With the mesh's label. */
  readonly namespaces: readonly InjectionNamespace[];
  /** The mesh's own namespace. */
  readonly hasNamespace: boolean;
  /** The user's, in words. */
  readonly kept: readonly string[];
  readonly notes: readonly string[];
}

/** @throws CommandError where the cluster's mesh is another */
export async function lookAround(connection: KubeConnection, place: MeshPlace): Promise<Surroundings> {
  await refuseOtherMesh(connection, place);
  const inventory = await readInventory(connection, place);
  const selector = `${labels.monitoredBy}=${place.meshName}`;
  const namespaces = await listAll(connection, "/api/v1/namespaces", decodeNamespace, {
    query: { labelSelector: selector },
  });
  const hasNamespace = (await read(connection, `/api/v1/namespaces/${place.osmNamespace}`)) !== undefined;
  const hasConfig = (await read(connection, osmConfigPath(place.osmNamespace))) !== undefined;
  return {
    inventory,
    namespaces,
    hasNamespace,
    kept: [
      ...(hasNamespace ? [`Namespace ${place.osmNamespace}`] : []),
      ...(hasConfig ? [`ConfigMap ${place.osmNamespace}/${osmConfigName}`] : []),
      ...inventory.foreign.map((object) => `${objectName(object)}, which osm install has not made`),
      ...namespaces.map(({ name }) => `Namespace ${name}, with its label: osm namespace remove ${name} takes that off`),
    ],
    notes: notesOf(inventory),
  };
}

async function refuseOtherMesh(connection: KubeConnection, place: MeshPlace): Promise<void> {
  const places = await installedPlaces(connection);
  const isThis = ({ meshName = place.meshName, osmNamespace = place.osmNamespace }: (typeof places)[number]) =>
    meshName === place.meshName && osmNamespace === place.osmNamespace;
  const [first] = places;
  if (!first || places.some(isThis)) return;
  const { meshName = place.meshName, osmNamespace = place.osmNamespace } = first;
  throw new CommandError(
    `this cluster has mesh ${meshName} in ${osmNamespace}, not mesh ${place.meshName} in ${place.osmNamespace}`,
    `if you mean that one: osm uninstall --mesh-name ${meshName} --osm-namespace ${osmNamespace}`,
  );
}

function notesOf({ owners, byStage }: Inventory): readonly string[] {
  const notes: string[] = [];
  if (owners.length > 0) notes.push(ownersNote(owners));
  if (byStage.forwarder.length > 0) {
    notes.push("The AWS side does not hear of this: take the cluster's tag off, or remove the stack.");
  }
  return notes;
}

/** @param owners  at least one */
export function ownersNote(owners: Inventory["owners"]): string {
  return `${owners.join(", ")} will bring back what it has applied: take the mesh out there too.`;
}

/** While the sidecars' ConfigMaps are the group's alone; and it can only where its rights are whole. */
export function mayWriteAsReconciler({ names }: Inventory, place: MeshPlace): boolean {
  const needed = [sidecarConfigBinding(), ...reconcilerAccess({ ...defaults, ...place })];
  return needed.every((object) => names.has(objectName(object)));
}

/**
 * Takes the guard off sidecar ConfigMaps where its group has lost its rights, and waits until that is so: the API server
 * goes by a policy for a second or two after it is gone, also by one that an earlier run has removed.
 *
 * @param patienceMs  for what cannot be tried; the default is `untilNo`'s
 */
export async function openSidecarConfigs(removing: Removing, patienceMs?: number): Promise<void> {
  const { connection, place } = removing;
  await removeAll(removing, [sidecarConfigBinding()]);
  const name = `${plainConfigPrefix}osm-check`;
  const isGuarded = async () => {
    const { status, text } = await connection.send({
      method: "POST",
      path: `/api/v1/namespaces/${place.osmNamespace}/configmaps`,
      query: { dryRun: "All" },
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: place.osmNamespace } },
    });
    if (status < 300) return false;
    // Another refusal does not end by waiting: a missing right, a namespace that is going.
    return text.includes(`'${sidecarConfigPolicy().metadata.name}'`) ? true : undefined;
  };
  await untilNo("sidecar ConfigMaps can be written", isGuarded, () => removing.keepLease(), patienceMs);
}
