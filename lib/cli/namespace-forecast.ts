import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { readJoiningWorkloads } from "../kube/joining-workloads.ts";
import { readNamespaceLimits } from "../kube/namespace-limits.ts";
import { read } from "../kube/objects.ts";
import { decodeNamespace } from "../kube/sidecar-pods.ts";
import { type InjectionResources, injectionDefaults } from "../mesh/injection.ts";
import { type Forecast, forecasts } from "../mesh/joining-workload.ts";
import { limitProblems } from "../mesh/limit-fit.ts";
import { annotations, exempt, labels, type MeshPlace } from "../mesh/names.ts";
import { quotaProblems } from "../mesh/quota-fit.ts";
import { tableText } from "./output.ts";

/** What somebody must know of a namespace before it joins and its pods are injected; empty where there is nothing. */
export async function forecastText(
  connection: KubeConnection,
  namespace: string,
  place: MeshPlace,
  sizes: Partial<InjectionResources> = {},
): Promise<readonly string[]> {
  return [
    ...(await unlessForbidden(`whether the sidecar fits into ${namespace}`, async () =>
      limitLines(connection, namespace, { ...injectionDefaults.sidecarResources, ...sizes }),
    )),
    ...(await unlessForbidden(`which workloads of ${namespace} would be outside the guarantee`, async () =>
      workloadLines(connection, namespace, place),
    )),
  ];
}

/** To look at all of it takes rights that the rest of the command does not. */
async function unlessForbidden(what: string, look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof EgressError) || error.reason !== "api-forbidden") throw error;
    return ["", `Not seen ${what}: ${error.what}`];
  }
}

async function limitLines(
  connection: KubeConnection,
  namespace: string,
  sizes: InjectionResources,
): Promise<readonly string[]> {
  const { limits, quotas, pods } = await readNamespaceLimits(connection, namespace);
  const problems = [...limitProblems(limits, sizes), ...quotaProblems(quotas, sizes, pods)];
  if (problems.length === 0) return [];
  return ["", `Pods of ${namespace} will be refused with their sidecar:`, ...problems.map((it) => `  ${it}`)];
}

async function workloadLines(
  connection: KubeConnection,
  namespace: string,
  place: MeshPlace,
): Promise<readonly string[]> {
  const found = await read(connection, `/api/v1/namespaces/${encodeURIComponent(namespace)}`);
  const before = found === undefined ? { name: namespace } : decodeNamespace(found);
  const member = {
    ...before,
    labels: { ...before.labels, [labels.monitoredBy]: place.meshName },
    annotations: { ...before.annotations, [annotations.injection]: "enabled" },
  };
  const all = forecasts(await readJoiningWorkloads(connection, namespace), member, place);
  return forecastLines(all, namespace);
}

function forecastLines(all: readonly Forecast[], namespace: string): readonly string[] {
  const rows = all.flatMap(({ workload, text }) => (text === undefined ? [] : [[workload, text]]));
  const others = all.length - rows.length;
  return [
    ...(rows.length === 0
      ? []
      : [
          "",
          ...pastCapture(
            rows,
            all.some(({ isRefused }) => isRefused),
            namespace,
          ),
        ]),
    ...(others === 0
      ? []
      : [
          "",
          `Outside the guarantee for their containers' rights: ${others} ${others === 1 ? "workload" : "workloads"}; osm egress status will name their pods`,
        ]),
  ];
}

function pastCapture(rows: string[][], isRefused: boolean, namespace: string): readonly string[] {
  const allow = `kubectl annotate namespace ${namespace} ${annotations.allowExemptPods}=true`;
  return [
    "Past the capture, by templates that were there before:",
    tableText(["WORKLOAD", "WHAT"], rows),
    `Take it out of the template${isRefused ? `; or who has the verb ${exempt.verb} allows what would be refused: ${allow}` : ""}`,
  ];
}
