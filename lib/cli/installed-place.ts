import { injectionPolicyName } from "#deploy/injection/policy.ts";
import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { listAll } from "../kube/list.ts";
import { read } from "../kube/objects.ts";
import { apiVersion, labels, type MeshPlace } from "../mesh/names.ts";

/** Which mesh the cluster has, as far as that can be told; a field is absent where somebody has taken it out. */
export type InstalledPlace = Partial<MeshPlace>;

interface InjectionBinding {
  readonly spec: {
    readonly paramRef?: { readonly namespace?: string };
    readonly matchResources?: {
      readonly namespaceSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    };
  };
}

/**
 * By the injection policy's binding, else by that of the policy beside it, which is alone where the API server does not
 * inject.
 *
 * @returns undefined where there is neither
 */
export async function injectingPlace(connection: KubeConnection): Promise<InstalledPlace | undefined> {
  const spec =
    (await bindingOf(connection, "mutatingadmissionpolicybindings")) ??
    (await bindingOf(connection, "validatingadmissionpolicybindings"));
  if (spec === undefined) return undefined;
  const meshName = spec.matchResources?.namespaceSelector?.matchLabels?.[labels.monitoredBy];
  const osmNamespace = spec.paramRef?.namespace;
  return {
    ...(meshName === undefined ? {} : { meshName }),
    ...(osmNamespace === undefined ? {} : { osmNamespace }),
  };
}

async function bindingOf(connection: KubeConnection, plural: string): Promise<InjectionBinding["spec"] | undefined> {
  const path = `/apis/admissionregistration.k8s.io/v1/${plural}/${injectionPolicyName}`;
  return (await read<InjectionBinding>(connection, path))?.spec;
}

/** The same, and where injection is off already, by the mesh's MeshInjections. */
export async function installedPlaces(connection: KubeConnection): Promise<readonly InstalledPlace[]> {
  const injecting = await injectingPlace(connection);
  if (injecting) return [injecting];
  try {
    return await listAll(connection, `/apis/${apiVersion}/meshinjections`, decode);
  } catch (error) {
    if (error instanceof EgressError && error.reason === "object-missing") return [];
    throw error;
  }
}

function decode(object: unknown): InstalledPlace {
  const { metadata, spec } = object as {
    readonly metadata: { readonly namespace: string };
    readonly spec?: { readonly meshName?: string };
  };
  return { osmNamespace: metadata.namespace, ...(spec?.meshName === undefined ? {} : { meshName: spec.meshName }) };
}
