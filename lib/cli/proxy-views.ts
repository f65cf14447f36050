import type { KubeConnection } from "../kube/connection.ts";
import { askSidecar } from "../kube/sidecar-status.ts";
import { type SidecarFile, sidecarFiles } from "../mesh/names.ts";
import type { Answer, ObservedPod } from "../rollout/observation.ts";
import { describeState, podState } from "../rollout/pod-checks.ts";

/** A path of the sidecar's status port. */
export interface LiveQuery {
  readonly path: string;
  /** It answers there by one query alone. */
  readonly isStats?: true;
}

export const liveQueries = {
  ready: { path: "ready" },
  stats: { path: "stats", isStats: true },
  prometheus: { path: "stats/prometheus" },
} as const satisfies Record<string, LiveQuery>;

/** A sidecar's ConfigMap, as far as pods read it. */
export interface SidecarFiles {
  readonly name: string;
  readonly files: Readonly<Partial<Record<SidecarFile, string>>>;
}

/** What `osm proxy get config` prints. */
export interface ConfigView {
  /** `namespace/name`. */
  readonly pod: string;
  readonly configMap: string;
  /** Of its three files; null where they differ, which a reconcile puts right. */
  readonly version: string | null;
  readonly sidecar: {
    /** It has answered that it runs this version, with all that it subscribes to. */
    readonly runsIt: boolean;
    /** In words; `Verified` if so. */
    readonly says: string;
    readonly answer?: Extract<Answer, { readonly kind: "answered" }>["says"];
  };
  readonly files: Readonly<Record<string, unknown>>;
}

export async function configView(connection: KubeConnection, pod: ObservedPod, map: SidecarFiles): Promise<ConfigView> {
  return viewOf(pod, map, await askSidecar(connection, pod));
}

/** The same, of an answer that is there. */
export function viewOf(pod: ObservedPod, map: SidecarFiles, answer: Answer): ConfigView {
  const files = Object.fromEntries(sidecarFiles.map((file) => [file, parsed(map.files[file])]));
  const [version, ...others] = new Set(Object.values(files).map(versionOf));
  const isOne = version !== undefined && others.length === 0;
  const state = podState(pod, answer, isOne ? version : "no one version", 0);
  return {
    pod: `${pod.namespace}/${pod.name}`,
    configMap: map.name,
    version: isOne ? version : null,
    sidecar: {
      runsIt: state.kind === "verified",
      says: describeState(state),
      ...(answer.kind === "answered" ? { answer: answer.says } : {}),
    },
    files,
  };
}

/** The resources of one file. */
export function resourcesOf({ files }: SidecarFiles, file: SidecarFile): unknown {
  const { resources = [] } = (parsed(files[file]) ?? {}) as { readonly resources?: readonly unknown[] };
  return resources;
}

/** Null for one that is missing; what is no JSON, as the text that it is. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function versionOf(file: unknown): string | undefined {
  if (typeof file !== "object" || file === null || !("version_info" in file)) return undefined;
  return String(file.version_info);
}
