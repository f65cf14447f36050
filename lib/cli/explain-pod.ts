import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { checkSidecar, readPodToExplain } from "../kube/explained-pod.ts";
import { meshInjectionPath } from "../kube/kinds.ts";
import { read } from "../kube/objects.ts";
import { readNamespace } from "../kube/sidecar-pods.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import { meshName } from "../mesh/names.ts";
import { type Explanation, explanation } from "../rollout/explanation.ts";
import { CommandError } from "./failure.ts";
import type { NamedPod } from "./pod-named.ts";

/**
 * Looks at one pod as it is now. What this person may not read is said where it would stand.
 *
 * @throws CommandError where there is no such pod
 */
export async function explainPod(
  connection: KubeConnection,
  { namespace, name }: NamedPod,
  osmNamespace: string,
): Promise<Explanation> {
  const [found, inNamespace, installed] = await Promise.all([
    readPodToExplain(connection, namespace, name),
    unlessForbidden(readNamespace(connection, namespace)),
    unlessForbidden(read<{ readonly spec?: MeshInjectionSpec }>(connection, meshInjectionPath(osmNamespace))),
  ]);
  if (!found) {
    const isNowhere = inNamespace !== "forbidden" && inNamespace === undefined;
    throw new CommandError(
      isNowhere ? `namespace ${namespace} does not exist` : `there is no pod ${name} in namespace ${namespace}`,
      isNowhere ? "kubectl get namespaces lists them" : `kubectl get pods -n ${namespace} lists them`,
    );
  }
  const spec = installed === "forbidden" ? undefined : installed?.spec;
  const { pod, observed } = found;
  return explanation({
    pod,
    namespace: inNamespace === "forbidden" ? undefined : inNamespace,
    // Only an installation of another name says otherwise.
    place: { meshName: spec?.meshName ?? meshName, osmNamespace },
    installed: { ...spec, image: spec?.images?.sidecar },
    ...(observed ? { check: await checkSidecar(connection, observed) } : {}),
  });
}

async function unlessForbidden<T>(reading: Promise<T>): Promise<T | "forbidden"> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof EgressError && error.reason === "api-forbidden") return "forbidden";
    throw error;
  }
}
