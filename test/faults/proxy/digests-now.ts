import type { KubeConnection } from "#lib/kube/connection.ts";
import { listAll } from "#lib/kube/list.ts";
import { annotations, labels } from "#lib/mesh/names.ts";

interface Listed {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** Of the bytes of each sidecar ConfigMap as its annotation says, by its path below `/api/v1`: what a journal begins with. */
export async function digestsNow(admin: KubeConnection): Promise<ReadonlyMap<string, string>> {
  const digests = await listAll(
    admin,
    "/api/v1/configmaps",
    (object) => {
      const { namespace, name, annotations: notes } = (object as Listed).metadata;
      return [`namespaces/${namespace}/configmaps/${name}`, notes?.[annotations.digest] ?? "none"] as const;
    },
    { query: { labelSelector: labels.sidecarConfig } },
  );
  return new Map(digests);
}
