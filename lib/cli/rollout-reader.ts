import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import type { ManagedFieldsEntry } from "../kube/field-owners.ts";
import { read } from "../kube/objects.ts";
import { apiVersion, osmConfigName, rolloutName } from "../mesh/names.ts";
import type { RolloutStatus } from "../rollout/status.ts";

/** osm-config as a command needs it. */
export interface OsmConfigObject {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly managedFields?: readonly ManagedFieldsEntry[];
  };
  readonly data?: Readonly<Record<string, string>>;
}

export async function readRolloutStatus(connection: KubeConnection, namespace: string): Promise<RolloutStatus> {
  const path = `/apis/${apiVersion}/namespaces/${namespace}/egressrollouts/${rolloutName}`;
  const rollout = await read<{ readonly status?: RolloutStatus }>(connection, path);
  if (!rollout) {
    throw new EgressError(
      "object-missing",
      `no EgressRollout ${namespace}/${rolloutName}: is the mesh installed? osm install`,
    );
  }
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
