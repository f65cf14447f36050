import type { KubeConnection } from "../kube/connection.ts";
import { read } from "../kube/objects.ts";
import { apiVersion, osmConfigName, rolloutName } from "../mesh/names.ts";
import type { RolloutStatus } from "../rollout/status.ts";
import { notInstalled } from "./mesh-parts.ts";
import type { ObjectWithOwners } from "./other-owners.ts";

/** osm-config as a command needs it. */
export interface OsmConfigObject {
  readonly metadata: ObjectWithOwners["metadata"] & { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** @throws CommandError where the mesh is not installed, or not as far as that */
export async function readRolloutStatus(connection: KubeConnection, namespace: string): Promise<RolloutStatus> {
  const path = `/apis/${apiVersion}/namespaces/${namespace}/egressrollouts/${rolloutName}`;
  const rollout = await read<{ readonly status?: RolloutStatus }>(connection, path);
  if (!rollout) throw await notInstalled(connection, namespace, `EgressRollout ${namespace}/${rolloutName}`);
  return rollout.status ?? {};
}

export async function readOsmConfig(
  connection: KubeConnection,
  namespace: string,
): Promise<OsmConfigObject | undefined> {
  return read<OsmConfigObject>(connection, osmConfigPath(namespace));
}

export function osmConfigPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps/${osmConfigName}`;
}
