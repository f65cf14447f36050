import { busOf, type ForwarderDeployment } from "#deploy/forwarder.ts";
import type { Bus } from "#deploy/parameters.ts";
import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { objectPath } from "../kube/kinds.ts";
import { apply, type KubeObject, read } from "../kube/objects.ts";
import { changeManager } from "../mesh/field-manager.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import { apiVersion, forwarderName, injectionName } from "../mesh/names.ts";

/** What an earlier `osm install` was given and a later one keeps; empty where there was none. */
export interface Installed {
  readonly sidecarImage?: string;
  readonly bus?: Bus;
}

export async function readInstalled(connection: KubeConnection, osmNamespace: string): Promise<Installed> {
  const sidecarImage = await injectedNow(connection, osmNamespace);
  const deployment = await read<ForwarderDeployment>(
    connection,
    `/apis/apps/v1/namespaces/${osmNamespace}/deployments/${forwarderName}`,
  );
  const bus = deployment && busOf(deployment);
  return { ...(sidecarImage === undefined ? {} : { sidecarImage }), ...(bus ? { bus } : {}) };
}

/** By a dry run, not by GET: if the MeshInjection was lost, its definition still has the installation's image as default. */
async function injectedNow(connection: KubeConnection, namespace: string): Promise<string | undefined> {
  const nothing: KubeObject = {
    apiVersion,
    kind: "MeshInjection",
    metadata: { name: injectionName, namespace },
    spec: {},
  };
  try {
    // As the installation's own manager this would take away what that has applied.
    const response = await apply(connection, objectPath(nothing), nothing, { manager: changeManager, dryRun: true });
    return (JSON.parse(response.text) as { readonly spec: MeshInjectionSpec }).spec.images?.sidecar;
  } catch (error) {
    // No such kind, or no such namespace.
    if (error instanceof EgressError && error.reason === "object-missing") return undefined;
    throw error;
  }
}
