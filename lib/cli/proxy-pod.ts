import type { KubeConnection } from "../kube/connection.ts";
import { failure, type KubeObject, read } from "../kube/objects.ts";
import { decodePod } from "../kube/pod-reader.ts";
import { askAsKnown } from "../kube/sidecar-status.ts";
import { ports, type SidecarFile } from "../mesh/names.ts";
import type { ObservedPod } from "../rollout/observation.ts";
import { CommandError } from "./failure.ts";
import type { LiveQuery, SidecarFiles } from "./proxy-views.ts";

/** Prometheus' text of a sidecar is a tenth of it. */
const maxAnswerBytes = 4 * 1024 * 1024;

/** @throws CommandError where there is none, or none with a sidecar */
export async function findPod(connection: KubeConnection, namespace: string, name: string): Promise<ObservedPod> {
  const found = await read<KubeObject>(connection, podPath(namespace, name));
  if (!found) {
    throw new CommandError(
      `pod ${namespace}/${name} does not exist`,
      `kubectl get pods -n ${namespace}; -n or NAMESPACE/POD says where`,
    );
  }
  const pod = decodePod(found);
  if (pod) return pod;
  throw new CommandError(
    `pod ${namespace}/${name} has no sidecar`,
    "osm restart --outdated --dry-run lists who should have one",
  );
}

/** @throws CommandError where somebody has deleted it */
export async function configOf(connection: KubeConnection, pod: ObservedPod): Promise<SidecarFiles> {
  const { namespace, configMap: name } = pod;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${encodeURIComponent(name)}`;
  const found = await read<{ readonly data?: Readonly<Partial<Record<SidecarFile, string>>> }>(connection, path);
  if (found) return { name, files: found.data ?? {} };
  throw new CommandError(
    `ConfigMap ${namespace}/${name}, which pod ${pod.name} mounts, does not exist`,
    "the next pass makes it again: osm reconcile",
  );
}

/** What the sidecar's status port says, as it says it. @throws EgressError of the API server, or of Envoy */
export async function askLive(connection: KubeConnection, pod: ObservedPod, live: LiveQuery): Promise<string> {
  if (pod.sidecarStartedAtMs === undefined) {
    throw new CommandError(
      `the sidecar of pod ${pod.namespace}/${pod.name} does not run`,
      `see why: kubectl describe pod ${pod.name} -n ${pod.namespace}`,
    );
  }
  const request = {
    method: "GET",
    path: `${podPath(pod.namespace, pod.name)}:${ports.status}/proxy/${live.path}`,
    maxBytes: maxAnswerBytes,
  } as const;
  const response = await (live.isStats
    ? askAsKnown((query) => connection.send({ ...request, query }))
    : connection.send(request));
  if (response.status === 200) return response.text.trimEnd();
  throw failure(request, response);
}

function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
}
