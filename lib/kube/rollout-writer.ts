import { apiVersion, rolloutName } from "../mesh/names.ts";
import type { RolloutStatus } from "../rollout/status.ts";
import type { KubeConnection, KubeRequest } from "./connection.ts";
import { expectOk, failure } from "./objects.ts";

/**
 * Replaces EgressRollout's status.
 *
 * @param resourceVersion  as it was observed; undefined where there was no object, which is then made again
 * @returns                the new resourceVersion, or "conflict"
 */
export async function writeRolloutStatus(
  connection: KubeConnection,
  namespace: string,
  status: RolloutStatus,
  resourceVersion: string | undefined,
): Promise<string | "conflict"> {
  const collection = `/apis/${apiVersion}/namespaces/${namespace}/egressrollouts`;
  const version = resourceVersion ?? (await create(connection, collection, namespace));
  if (version === "conflict") return "conflict";
  const request: KubeRequest = {
    method: "PUT",
    path: `${collection}/${rolloutName}/status`,
    body: { ...rollout(namespace, version), status },
  };
  const response = await connection.send(request);
  if (response.status === 409 || response.status === 404) return "conflict";
  if (response.status !== 200) throw failure(request, response);
  return resourceVersionOf(response.text);
}

async function create(connection: KubeConnection, collection: string, namespace: string): Promise<string | "conflict"> {
  const request: KubeRequest = { method: "POST", path: collection, body: { ...rollout(namespace), spec: {} } };
  const response = await connection.send(request);
  if (response.status === 409) return "conflict";
  if (response.status !== 201) throw failure(request, response);
  return resourceVersionOf(response.text);
}

function rollout(namespace: string, resourceVersion?: string) {
  return {
    apiVersion,
    kind: "EgressRollout",
    metadata: { name: rolloutName, namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  };
}

function resourceVersionOf(text: string): string {
  return (JSON.parse(text) as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
}

/** A Kubernetes Event on osm-config, as `kubectl describe` shows it. */
export async function createConfigEvent(
  connection: KubeConnection,
  namespace: string,
  event: { readonly type: string; readonly reason: string; readonly message: string },
  osmConfig: { readonly name: string; readonly uid?: string },
): Promise<void> {
  const now = new Date().toISOString();
  await expectOk(connection, {
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/events`,
    body: {
      apiVersion: "v1",
      kind: "Event",
      metadata: { generateName: `${osmConfig.name}.`, namespace },
      involvedObject: { apiVersion: "v1", kind: "ConfigMap", namespace, ...osmConfig },
      type: event.type,
      reason: event.reason,
      message: event.message.slice(0, 1024),
      source: { component: "osm-reconciler" },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    },
  });
}
