import { egressOfDigest } from "../envoy/sidecar-config.ts";
import { EgressError } from "../errors.ts";
import { sidecar } from "../mesh/names.ts";
import { versionOf } from "../rollout/drift/config-drift.ts";
import type { ExplainedPod, SidecarCheck } from "../rollout/explanation.ts";
import type { ObservedPod } from "../rollout/observation.ts";
import { podState } from "../rollout/pod-checks.ts";
import type { KubeConnection } from "./connection.ts";
import { captureArguments } from "./injected-parts.ts";
import { objectPath } from "./kinds.ts";
import { read } from "./objects.ts";
import { decodePod } from "./pod-reader.ts";
import { decodeSidecarConfigMap } from "./sidecar-config-map.ts";
import { decodeInjectionPod } from "./sidecar-pods.ts";
import { askSidecar } from "./sidecar-status.ts";

/** A pod to explain, with what it takes to ask its sidecar where it has one. */
export interface PodToExplain {
  readonly pod: ExplainedPod;
  readonly observed: ObservedPod | undefined;
}

interface RawPod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Parameters<typeof decodeInjectionPod>[0]["spec"] & {
    readonly initContainers?: readonly {
      readonly name: string;
      readonly image?: string;
      readonly args?: readonly string[];
    }[];
  };
  readonly status?: { readonly phase?: string };
}

/** @returns undefined where there is none of that name */
export async function readPodToExplain(
  connection: KubeConnection,
  namespace: string,
  name: string,
): Promise<PodToExplain | undefined> {
  const path = objectPath({ apiVersion: "v1", kind: "Pod", metadata: { namespace, name } });
  const found = await read<RawPod>(connection, path);
  return found && decodeToExplain(found);
}

export function decodeToExplain(object: unknown): PodToExplain {
  const { metadata, spec, status } = object as RawPod;
  const observed = decodePod(object);
  const container = (wanted: string) => spec.initContainers?.find((it) => it.name === wanted);
  const { ranges, ports, udp } = captureArguments(container(sidecar.captureContainer)?.args ?? []);
  const capture = { excludedRanges: ranges, excludedPorts: ports, allowsUdp: udp };
  const image = container(sidecar.container)?.image ?? "";
  return {
    observed,
    pod: {
      namespace: metadata.namespace,
      name: metadata.name,
      hasFinished: status?.phase === "Succeeded" || status?.phase === "Failed",
      injection: decodeInjectionPod({ metadata, spec }),
      ...(observed
        ? { sidecar: { image, capture, outside: observed.outside ?? [], injected: observed.injected } }
        : {}),
    },
  };
}

/** Asks the sidecar, and compares with what its ConfigMap holds now. */
export async function checkSidecar(connection: KubeConnection, pod: ObservedPod): Promise<SidecarCheck> {
  if (pod.sidecarStartedAtMs === undefined) return { kind: "not-running" };
  const [wanted, answer] = await Promise.all([wantedVersion(connection, pod), askSidecar(connection, pod)]);
  if (answer.kind === "silent" && answer.why === "status 403") return { kind: "not-allowed" };
  const says = answer.kind === "answered" ? answer.says : undefined;
  return {
    kind: "asked",
    // That it has refused something since it started is told with the version that it runs.
    state: podState(pod, answer, wanted ?? "", says?.refusedUpdates ?? 0),
    wanted,
    runs: says && quoted(says.listeners),
    egress: says && egressOfDigest(says.listeners),
  };
}

const maxQuoted = 64;

/** Whoever answers in a sidecar's place can call its version anything, also what a terminal obeys. */
function quoted(version: string): string {
  return version === "" ? "nothing" : version.slice(0, maxQuoted).replaceAll(/[^ -~]/g, "?");
}

async function wantedVersion(connection: KubeConnection, pod: ObservedPod): Promise<string | undefined> {
  const metadata = { namespace: pod.namespace, name: pod.configMap };
  try {
    const found = await read<unknown>(connection, objectPath({ apiVersion: "v1", kind: "ConfigMap", metadata }));
    return found === undefined ? undefined : versionOf(decodeSidecarConfigMap(found)?.files["lds.json"]);
  } catch (error) {
    // Whoever may see a pod need not be allowed to read ConfigMaps.
    if (error instanceof EgressError && error.reason === "api-forbidden") return undefined;
    throw error;
  }
}
