import type { Limit } from "../mesh/limit-fit.ts";
import type { Quota } from "../mesh/quota-fit.ts";
import type { KubeConnection } from "./connection.ts";
import { listAll } from "./list.ts";
import { sidecarConfigOf } from "./pod-reader.ts";

/** What bounds the pods of a namespace. */
export interface NamespaceLimits {
  readonly limits: readonly Limit[];
  readonly quotas: readonly Quota[];
  /** How many of its pods have no sidecar; neither finished nor being deleted. */
  readonly pods: number;
}

interface Named {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
}

export async function readNamespaceLimits(connection: KubeConnection, namespace: string): Promise<NamespaceLimits> {
  const inNamespace = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const [limits, quotas, pods] = await Promise.all([
    listAll(connection, `${inNamespace}/limitranges`, decodeLimits),
    listAll(connection, `${inNamespace}/resourcequotas`, decodeQuota),
    listAll(connection, `${inNamespace}/pods`, decodePlainPod, {
      query: { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" },
    }),
  ]);
  return { limits: limits.flat(), quotas, pods: pods.length };
}

function decodeLimits(object: unknown): readonly Limit[] {
  const { metadata, spec } = object as Named & { readonly spec: { readonly limits: readonly Omit<Limit, "name">[] } };
  return spec.limits.map((limit) => ({ ...limit, name: metadata.name }));
}

function decodeQuota(object: unknown): Quota {
  const { metadata, spec, status } = object as Named & {
    readonly spec: {
      readonly hard?: Quota["hard"];
      readonly scopes?: readonly string[];
      readonly scopeSelector?: { readonly matchExpressions?: readonly { readonly scopeName: string }[] };
    };
    readonly status?: { readonly used?: Quota["used"] };
  };
  const selected = spec.scopeSelector?.matchExpressions?.map(({ scopeName }) => scopeName) ?? [];
  return {
    name: metadata.name,
    scopes: [...(spec.scopes ?? []), ...selected],
    hard: spec.hard ?? {},
    used: status?.used ?? {},
  };
}

function decodePlainPod(object: unknown): true | undefined {
  const isGoing = (object as Named).metadata.deletionTimestamp !== undefined;
  return isGoing || sidecarConfigOf(object) !== undefined ? undefined : true;
}
