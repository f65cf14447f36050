import type { JoiningWorkload } from "../mesh/joining-workload.ts";
import type { JudgedPod } from "../mesh/pod-guarantee.ts";
import type { KubeConnection } from "./connection.ts";
import { listAll } from "./list.ts";
import { decodeInjectionPod } from "./sidecar-pods.ts";

type Template = JudgedPod & Parameters<typeof decodeInjectionPod>[0];

interface RawWorkload {
  readonly metadata: {
    readonly name: string;
    readonly ownerReferences?: readonly { readonly controller?: boolean }[];
  };
  readonly spec: {
    readonly template?: Template;
    readonly jobTemplate?: { readonly spec: { readonly template: Template } };
  };
  readonly status?: { readonly completionTime?: string };
}

/** Of Kubernetes' own; what others make of their objects is not seen here. */
const collections = [
  ["Deployment", "/apis/apps/v1", "deployments"],
  ["StatefulSet", "/apis/apps/v1", "statefulsets"],
  ["DaemonSet", "/apis/apps/v1", "daemonsets"],
  ["ReplicaSet", "/apis/apps/v1", "replicasets"],
  ["ReplicationController", "/api/v1", "replicationcontrollers"],
  ["Job", "/apis/batch/v1", "jobs"],
  ["CronJob", "/apis/batch/v1", "cronjobs"],
] as const;

/** What in the namespace makes pods, each once: not what another makes, nor Jobs that have ended. */
export async function readJoiningWorkloads(
  connection: KubeConnection,
  namespace: string,
): Promise<readonly JoiningWorkload[]> {
  const lists = await Promise.all(
    collections.map(([kind, api, plural]) =>
      listAll(connection, `${api}/namespaces/${encodeURIComponent(namespace)}/${plural}`, (it) => decode(kind, it)),
    ),
  );
  return lists.flat();
}

function decode(kind: string, object: unknown): JoiningWorkload | undefined {
  const { metadata, spec, status } = object as RawWorkload;
  const isMade = metadata.ownerReferences?.some(({ controller }) => controller) ?? false;
  const pod = spec.jobTemplate?.spec.template ?? spec.template;
  if (isMade || pod === undefined || status?.completionTime !== undefined) return undefined;
  return { kind, name: metadata.name, injection: decodeInjectionPod(pod), pod };
}
