import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations, labels } from "#lib/mesh/names.ts";

/** A pod as the API server stores it, as far as injection changes it. */
export interface StoredPod {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly volumes?: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
  };
  readonly status: { readonly qosClass?: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly resources: object;
  readonly securityContext?: { readonly runAsUser?: number; readonly runAsNonRoot?: boolean };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export const appContainer = { name: "app", image: "app:1" };

/** A pod of one container, with its differences. */
export function pod(
  namespace: string,
  spec: object = {},
  podAnnotations: Readonly<Record<string, string>> = {},
): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "subject", namespace, annotations: podAnnotations },
    spec: { containers: [appContainer], ...spec },
  };
}

/** A namespace, in the mesh unless `inMesh` says otherwise. @param injection  its annotation; none when absent */
export function namespace(name: string, injection?: string, inMesh = true): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      labels: inMesh ? { [labels.monitoredBy]: "osm" } : {},
      annotations: injection === undefined ? {} : { [annotations.injection]: injection },
    },
  };
}

/** No controller makes it on a bare API server, and no pod is admitted without it. */
export function serviceAccount(inNamespace: string, name = "default"): KubeObject {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: inNamespace } };
}
