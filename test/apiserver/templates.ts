import type { KubeConnection, KubeResponse } from "#lib/kube/connection.ts";
import { appContainer } from "./pods.ts";

type Texts = Readonly<Record<string, string>>;

/** Everything of Kubernetes' own that is a pod or makes some, by kind: where it lives, and how a template is worn. */
const kinds = {
  Pod: ["v1", "pods", (spec: object, annotations: Texts) => ({ metadata: { annotations }, spec })],
  ReplicationController: ["v1", "replicationcontrollers", plainly],
  Deployment: ["apps/v1", "deployments", selecting],
  ReplicaSet: ["apps/v1", "replicasets", selecting],
  StatefulSet: ["apps/v1", "statefulsets", selecting],
  DaemonSet: ["apps/v1", "daemonsets", selecting],
  Job: ["batch/v1", "jobs", (spec: object, annotations: Texts) => ({ spec: { template: ending(spec, annotations) } })],
  CronJob: [
    "batch/v1",
    "cronjobs",
    (spec: object, annotations: Texts) => ({
      spec: { schedule: "0 0 1 1 *", jobTemplate: { spec: { template: ending(spec, annotations) } } },
    }),
  ],
} as const;

export type Maker = keyof typeof kinds;
export const makers = Object.keys(kinds) as readonly Maker[];

const labels = { app: "subject" };

function template(spec: object, annotations: Texts) {
  return { metadata: { labels, annotations }, spec };
}

function plainly(spec: object, annotations: Texts) {
  return { spec: { selector: labels, template: template(spec, annotations) } };
}

function selecting(spec: object, annotations: Texts) {
  return { spec: { selector: { matchLabels: labels }, template: template(spec, annotations) } };
}

function ending(spec: object, annotations: Texts) {
  return template({ ...spec, restartPolicy: "Never" }, annotations);
}

/** One with these annotations on its pod, or on the pods that it makes. @param spec  what else its pods say */
export function maker(
  kind: Maker,
  namespace: string,
  name: string,
  annotations: Texts = {},
  spec: object = {},
): object {
  const [apiVersion, , wear] = kinds[kind];
  const { metadata = {}, ...rest } = wear({ containers: [appContainer], ...spec }, annotations) as {
    readonly metadata?: object;
  };
  return { apiVersion, kind, metadata: { ...metadata, name, namespace }, ...rest };
}

/** What changes these annotations of it, as a merge patch; null takes one out. */
export function annotating(kind: Maker, annotations: Readonly<Record<string, string | null>>): object {
  const metadata = { metadata: { annotations } };
  if (kind === "Pod") return metadata;
  const ofTemplate = { spec: { template: metadata } };
  return kind === "CronJob" ? { spec: { jobTemplate: ofTemplate } } : ofTemplate;
}

/** What a merge patch without nulls makes of an object. */
export function merged(object: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null) return patch;
  const before = (typeof object === "object" && object !== null ? object : {}) as Readonly<Record<string, unknown>>;
  const changes = Object.entries(patch).map(([key, value]) => [key, merged(before[key], value)] as const);
  return { ...before, ...Object.fromEntries(changes) };
}

export function makerPath(kind: Maker, namespace: string, name?: string): string {
  const [apiVersion, plural] = kinds[kind];
  const collection = `/${apiVersion === "v1" ? "api" : "apis"}/${apiVersion}/namespaces/${namespace}/${plural}`;
  return name === undefined ? collection : `${collection}/${name}`;
}

/** Without storing it, unless `dryRun` is false. */
export function createMaker(
  connection: KubeConnection,
  kind: Maker,
  namespace: string,
  annotations: Texts,
  { name = "subject", dryRun = true, spec = {} } = {},
): Promise<KubeResponse> {
  return connection.send({
    method: "POST",
    path: makerPath(kind, namespace),
    query: { dryRun: dryRun ? "All" : undefined },
    body: maker(kind, namespace, name, annotations, spec),
  });
}

export function patchMaker(
  connection: KubeConnection,
  kind: Maker,
  namespace: string,
  name: string,
  patch: object,
): Promise<KubeResponse> {
  return connection.send({
    method: "PATCH",
    path: makerPath(kind, namespace, name),
    query: { dryRun: "All" },
    contentType: "application/merge-patch+json",
    body: patch,
  });
}
