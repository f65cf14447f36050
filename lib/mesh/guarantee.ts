import { cutText } from "./cut-text.ts";
import { annotations, sidecar } from "./names.ts";

/** What a container that is root has unless it drops it, and what leads to Envoy's user or past the capture. */
export const dangerousByDefault: readonly string[] = ["SETUID", "SETGID", "NET_RAW"];
/**
 * The one capability that may be added. Most of the others lead to Envoy's user or to the network, some by a detour:
 * SYS_PTRACE and SYS_ADMIN enter other processes, BPF and SYS_MODULE the kernel.
 */
export const harmlessCapability = "NET_BIND_SERVICE";

/**
 * Kinds of volumes that are the node's own files, the sidecar's configuration among them, or what its kernel or kubelet
 * fetches from an address in the pod's spec, past the capture.
 */
export const nodeVolumeKinds = [
  "hostPath",
  "nfs",
  "iscsi",
  "fc",
  "flexVolume",
  "rbd",
  "cephfs",
  "glusterfs",
  "gitRepo",
  "azureFile",
  "portworxVolume",
] as const;

/** How one cause is told: `says` goes on after "container app", "containers app, log" or "the pod". */
interface Words {
  /** @param what  empty where there is nothing to tell */
  says(what: string, many: boolean): string;
  /** In the imperative, so that "must" may stand before it. */
  readonly remedy: string;
}

const otherUser = `set runAsUser, in the container or the pod, to anything but ${sidecar.uid}`;

/**
 * What takes a container out of the guarantee, in the order in which it is told. Policy `osm-strict` refuses exactly this
 * (deploy/policies/strict.ts has a condition for each), and the status names it in the same words.
 */
const ofContainers = {
  Privileged: {
    says: (_, many) => `${many ? "are" : "is"} privileged: free to change the pod's network`,
    remedy: "set privileged to false",
  },
  MayEscalate: {
    says: () => "may gain rights through files with the setuid bit, and so become the sidecar's user",
    remedy: "set allowPrivilegeEscalation to false",
  },
  AddsCapabilities: {
    says: (what, many) =>
      `${many ? "add" : "adds"} ${what}: could become the sidecar's user or change the pod's network`,
    remedy: `add no capability but ${harmlessCapability}`,
  },
  KeepsCapabilities: {
    says: (what, many) =>
      `${many ? "keep" : "keeps"} ${what} by default: could become the sidecar's user or send past the capture`,
    remedy: `drop ALL capabilities, or ${dangerousByDefault.join(", ")}, or set runAsUser to anything but 0`,
  },
  SidecarUser: {
    says: (_, many) => `${many ? "run" : "runs"} as user ${sidecar.uid}, the sidecar's, which is not captured`,
    remedy: otherUser,
  },
  UnknownUser: {
    says: (_, many) =>
      `${many ? "run" : "runs"} as the user that the image names, which cannot be seen and may be ${sidecar.uid}, the sidecar's`,
    remedy: otherUser,
  },
} as const satisfies Readonly<Record<string, Words>>;

/** What else takes an injected pod out of it. */
const ofPods = {
  EphemeralContainer: {
    says: (what, many) =>
      `${many ? "were" : "was"} added while the pod ran, with rights beyond the guarantee (${what})`,
    remedy: "delete the pod: an ephemeral container cannot be taken away or changed",
  },
  NodeProcesses: {
    says: () => "sees its node's processes, and could take over those of its containers' users",
    remedy: "set hostPID to false",
  },
  NodeVolumes: {
    says: (what) =>
      `mounts ${what}: its node's files, the sidecar's among them, or what the node fetches past the capture`,
    remedy: `mount no volume of these kinds: ${nodeVolumeKinds.join(", ")}`,
  },
  AllowsUdp: {
    says: () => `lets UDP out, by annotation ${annotations.allowUdp}`,
    remedy: "take the annotation out of its template",
  },
  ExcludesRanges: {
    says: (what) => `leaves ${what} uncaptured, by annotation ${annotations.excludedRanges}`,
    remedy: "take the annotation out of its template",
  },
  ExcludesPorts: {
    says: (what) => `leaves ports ${what} uncaptured, by annotation ${annotations.excludedPorts}`,
    remedy: "take the annotation out of its template",
  },
  ForeignSidecar: {
    says: (what) => `has a sidecar that is not as the mesh makes it (${what}): what it does, nobody can tell`,
    remedy:
      "restart it, and leave containers osm-init and envoy to the mesh, also by webhooks: osm inject, where the API server does not inject",
  },
  OutdatedCapture: {
    says: (what) => `leaves ${what} uncaptured, which neither the mesh nor the pod excludes any more`,
    remedy: "restart it: osm restart --outdated, and osm inject before, where the API server does not inject",
  },
  OwnNameServers: {
    says: (what) => `lets UDP out to ${what}, its own name servers (dnsConfig.nameservers)`,
    remedy: "take them out of its template: dnsPolicy ClusterFirst asks the cluster's",
  },
} as const satisfies Readonly<Record<string, Words>>;

const elsewhere = "run it in a namespace outside the mesh";

/** Why a pod of a mesh namespace has no sidecar: nothing of it is captured. */
const ofMissingSidecar = {
  HostNetwork: {
    says: () => "is in its node's network, where nothing is captured",
    remedy: `set hostNetwork to false, or ${elsewhere}`,
  },
  StaticPod: {
    says: () => "comes from a file on its node, so that no sidecar can be put into it",
    remedy: `make it an ordinary pod, or ${elsewhere}`,
  },
  Windows: {
    says: () => "runs on Windows, where there is no capture",
    remedy: elsewhere,
  },
  InjectionDisabled: {
    says: () => `has no sidecar, because its annotation ${annotations.injection} refuses it`,
    remedy: `take the annotation out of its template, or ${elsewhere}`,
  },
  NamespaceNotInjected: {
    says: () => "has no sidecar, because its namespace is in the mesh without asking for sidecars",
    remedy: `set the namespace's annotation ${annotations.injection} to enabled, then restart the pod`,
  },
  NoSidecar: {
    says: () => "has no sidecar, although it would get one if it were created now",
    remedy: "restart it: osm restart --outdated",
  },
} as const satisfies Readonly<Record<string, Words>>;

export type ContainerCode = keyof typeof ofContainers;
export type MissingSidecarCode = keyof typeof ofMissingSidecar;
/** Why the guarantee does not hold for a pod. Stable: machines read it. */
export type OutsideCode = ContainerCode | MissingSidecarCode | keyof typeof ofPods;

const words: Readonly<Record<OutsideCode, Words>> = { ...ofContainers, ...ofPods, ...ofMissingSidecar };

/** In the order in which they are told. */
export const containerCodes = Object.keys(ofContainers) as readonly ContainerCode[];
export const missingSidecarCodes = Object.keys(ofMissingSidecar) as readonly MissingSidecarCode[];
export const outsideCodes = Object.keys(words) as readonly OutsideCode[];

/** One cause why "off means nothing gets out" does not hold for a pod. */
export interface OutsideReason {
  readonly code: OutsideCode;
  /** Names of those that it is about, in the pod's order; absent where it is the whole pod. */
  readonly containers?: readonly string[];
  /** Capabilities, addresses or an annotation's value, as they stand in the pod: any text, of any length. Of ephemeral containers, codes. */
  readonly what?: readonly string[];
}

const maxNamed = 3;
const maxValueLength = 64;

/** What is wrong and where, as its owner reads it: at most some 700 characters. */
export function outsideText({ code, containers, what = [] }: OutsideReason): string {
  const many = (containers?.length ?? 0) > 1;
  const subject = containers === undefined ? "the pod" : `${many ? "containers" : "container"} ${few(containers)}`;
  return `${subject} ${words[code].says(few(what), many)}`;
}

/** What to change, in the imperative. */
export function remedyOf(code: OutsideCode): string {
  return words[code].remedy;
}

function few(texts: readonly string[]): string {
  const named = texts.slice(0, maxNamed).map((text) => {
    return text.length <= maxValueLength ? text : `${cutText(text, maxValueLength - 1)}…`;
  });
  const more = texts.length - maxNamed;
  return named.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
