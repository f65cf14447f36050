import { type KubeConnection, metadataOnly } from "../kube/connection.ts";
import { meshInjectionPath } from "../kube/kinds.ts";
import { listAll } from "../kube/list.ts";
import { read } from "../kube/objects.ts";
import { decodePod } from "../kube/pod-reader.ts";
import { decodeSidecarPod, readNamespaces } from "../kube/sidecar-pods.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import { isInMesh, missingSidecar } from "../mesh/injection-rule.ts";
import { labels, meshName } from "../mesh/names.ts";
import type { ObservedPod } from "../rollout/observation.ts";
import { injectedReasons, isBefore, outsidePod } from "../rollout/outside-guarantee.ts";
import type { SidecarPod } from "../rollout/restart/outdated.ts";
import type { OutsidePod } from "../rollout/status.ts";

/**
 * Every pod of the mesh that is outside the guarantee, as it is now, by namespace and name. The status has room for
 * twenty, and whoever may create pods could fill it.
 */
export async function readOutsidePods(
  connection: KubeConnection,
  osmNamespace: string,
): Promise<readonly OutsidePod[]> {
  const [pods, namespaces, configured, injection] = await Promise.all([
    listAll(connection, "/api/v1/pods", decode, {
      query: { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" },
    }),
    readNamespaces(connection),
    listAll(connection, "/api/v1/configmaps", namespaceOf, {
      query: { labelSelector: labels.sidecarConfig },
      accept: metadataOnly.list,
    }),
    read<{ readonly spec?: MeshInjectionSpec }>(connection, meshInjectionPath(osmNamespace)),
  ]);
  const { spec } = injection ?? {};
  const place = { meshName: spec?.meshName ?? meshName, osmNamespace };
  const mesh = { ...spec, image: spec?.images?.sidecar };
  // As lib/rollout/mesh-pods.ts has it: anybody can make a pod look like one of ours.
  const isOurs = (name: string) => {
    const namespace = namespaces.get(name);
    return configured.includes(name) || (namespace !== undefined && isInMesh(namespace, place));
  };
  const outside = pods.toSorted(byPlace).flatMap(({ observed, plain }) => {
    if (observed) {
      if (!isOurs(observed.namespace)) return [];
      const reasons = injectedReasons(observed, mesh);
      return reasons.length === 0 ? [] : [outsidePod(observed, reasons)];
    }
    const namespace = plain && namespaces.get(plain.namespace);
    if (plain === undefined || namespace === undefined) return [];
    const code = missingSidecar(namespace, plain.injection, place);
    return code === undefined ? [] : [outsidePod(plain, [{ code }])];
  });
  return outside;
}

interface FoundPod {
  readonly observed: ObservedPod | undefined;
  readonly plain: SidecarPod | undefined;
}

/** @returns undefined for a pod without a sidecar that is being deleted */
function decode(object: unknown): FoundPod | undefined {
  const [observed, plain] = [decodePod(object), decodeSidecarPod(object)];
  return observed === undefined && plain === undefined ? undefined : { observed, plain };
}

function namespaceOf(object: unknown): string {
  return (object as { readonly metadata: { readonly namespace: string } }).metadata.namespace;
}

function byPlace(left: FoundPod, right: FoundPod): number {
  const [one, other] = [left.observed ?? left.plain, right.observed ?? right.plain];
  return one && other && isBefore(one, other) ? -1 : 1;
}
