import { parseBoolean } from "./boolean.ts";
import {
  type ContainerCode,
  containerCodes,
  dangerousByDefault,
  harmlessCapability,
  nodeVolumeKinds,
  type OutsideReason,
} from "./guarantee.ts";
import { isOnNode } from "./name-servers.ts";
import { annotations, sidecar } from "./names.ts";

/** A pod in the API's own shape, as far as it decides whether the guarantee holds for it. */
export interface JudgedPod {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly hostPID?: boolean;
    readonly dnsConfig?: { readonly nameservers?: readonly string[] };
    readonly volumes?: readonly JudgedVolume[];
    readonly securityContext?: { readonly runAsUser?: number };
    readonly initContainers?: readonly JudgedContainer[];
    readonly containers?: readonly JudgedContainer[];
    readonly ephemeralContainers?: readonly JudgedContainer[];
  };
  readonly status?: {
    readonly initContainerStatuses?: readonly JudgedStatus[];
    readonly containerStatuses?: readonly JudgedStatus[];
    readonly ephemeralContainerStatuses?: readonly JudgedStatus[];
  };
}

/** By its kind, one of the API's. */
export interface JudgedVolume {
  readonly name: string;
  readonly [kind: string]: unknown;
}

export interface JudgedContainer {
  readonly name: string;
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly runAsUser?: number;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
}

export interface JudgedStatus {
  readonly name: string;
  readonly state?: { readonly terminated?: object };
  /** Of its first process, from the runtime; not every runtime tells. */
  readonly user?: { readonly linux?: { readonly uid?: number } };
}

const injected: readonly string[] = [sidecar.captureContainer, sidecar.container];

/**
 * Why "off means nothing gets out" does not hold for a pod that has a sidecar: each cause once, in one order. Empty where it
 * holds. Of a pod that is only being created, what policy `osm-strict` refuses it for.
 */
export function outsideReasons(pod: JudgedPod): readonly OutsideReason[] {
  const { spec, status = {} } = pod;
  const own = new Faults(spec.securityContext?.runAsUser);
  own.judge(spec.containers, status.containerStatuses);
  own.judge(
    spec.initContainers?.filter(({ name }) => !injected.includes(name)),
    status.initContainerStatuses,
  );
  const added = new Faults(spec.securityContext?.runAsUser);
  const { ephemeralContainerStatuses } = status;
  // One that has ended never runs again, and cannot be taken away.
  const hasEnded = (name: string) => statusOf(name, ephemeralContainerStatuses)?.state?.terminated !== undefined;
  added.judge(
    spec.ephemeralContainers?.filter(({ name }) => !hasEnded(name)),
    ephemeralContainerStatuses,
  );
  return [
    ...(spec.hostNetwork ? [{ code: "HostNetwork" } as const] : []),
    ...own.reasons,
    ...added.asOne("EphemeralContainer"),
    ...ofNode(pod),
    ...ofAnnotations(pod),
    ...ofNameServers(pod),
  ];
}

function ofNode({ spec }: JudgedPod): readonly OutsideReason[] {
  const volumes = (spec.volumes ?? []).filter((volume) => nodeVolumeKinds.some((kind) => volume[kind] !== undefined));
  const what = volumes.map(({ name }) => name);
  return [
    ...(spec.hostPID ? [{ code: "NodeProcesses" } as const] : []),
    ...(what.length > 0 ? [{ code: "NodeVolumes", what } as const] : []),
  ];
}

function statusOf(name: string, statuses: readonly JudgedStatus[] = []): JudgedStatus | undefined {
  return statuses.find((status) => status.name === name);
}

interface Fault {
  readonly containers: string[];
  readonly what: Set<string>;
}

/** What is found of some containers, by cause. */
class Faults {
  readonly #found = new Map<ContainerCode, Fault>();
  readonly #podUser: number | undefined;

  constructor(podUser: number | undefined) {
    this.#podUser = podUser;
  }

  judge(containers: readonly JudgedContainer[] = [], statuses?: readonly JudgedStatus[]): void {
    for (const container of containers) {
      const user =
        container.securityContext?.runAsUser ?? this.#podUser ?? statusOf(container.name, statuses)?.user?.linux?.uid;
      for (const code of containerCodes) {
        const what = faults[code](container, user);
        if (what === undefined) continue;
        const known: Fault = this.#found.get(code) ?? { containers: [], what: new Set() };
        known.containers.push(container.name);
        for (const each of what) known.what.add(each);
        this.#found.set(code, known);
      }
    }
  }

  get reasons(): readonly OutsideReason[] {
    return containerCodes.flatMap((code): readonly OutsideReason[] => {
      const fault = this.#found.get(code);
      if (fault === undefined) return [];
      const { containers, what } = fault;
      return [{ code, containers, ...(what.size > 0 ? { what: [...what] } : {}) }];
    });
  }

  /** All of it as one cause, with the codes beside it. */
  asOne(code: OutsideReason["code"]): readonly OutsideReason[] {
    const { reasons } = this;
    if (reasons.length === 0) return [];
    const containers = new Set(reasons.flatMap((reason) => reason.containers ?? []));
    return [{ code, containers: [...containers], what: reasons.map((reason) => reason.code) }];
  }
}

/** By each cause, what of a container it is; undefined where it is not. @param user  undefined: nobody can tell */
const faults: Readonly<
  Record<ContainerCode, (container: JudgedContainer, user: number | undefined) => readonly string[] | undefined>
> = {
  Privileged: ({ securityContext }) => (securityContext?.privileged ? [] : undefined),
  // Without no_new_privs a file of user 1500's with the setuid bit makes whoever runs it user 1500.
  MayEscalate: ({ securityContext }) => (securityContext?.allowPrivilegeEscalation === false ? undefined : []),
  AddsCapabilities({ securityContext }) {
    const added = (securityContext?.capabilities?.add ?? []).map(plainName).filter((it) => it !== harmlessCapability);
    return added.length > 0 ? added : undefined;
  },
  // Another user than root has none of them in effect, and with no_new_privs there is no way to get them.
  KeepsCapabilities({ securityContext }, user = 0) {
    const dropped = (securityContext?.capabilities?.drop ?? []).map(plainName);
    const kept = dropped.includes("ALL") ? [] : dangerousByDefault.filter((it) => !dropped.includes(it));
    return user === 0 && kept.length > 0 ? kept : undefined;
  },
  SidecarUser: (_, user) => (user === sidecar.uid ? [] : undefined),
  UnknownUser: (_, user) => (user === undefined ? [] : undefined),
};

/** As the policy has it, in ASCII alone: other letters that become these in upper case name no capability. */
function plainName(capability: string): string {
  return capability.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase()).replaceAll("CAP_", "");
}

/** Of the annotation's value: a spelling that nobody knows counts as a yes, lest an open pod is called closed. */
export function isUdpAllowed(value: string): boolean {
  return value !== "" && parseBoolean(value) !== false;
}

function ofAnnotations({ metadata }: JudgedPod): readonly OutsideReason[] {
  const value = (name: string) => metadata?.annotations?.[name]?.trim() ?? "";
  const ranges = value(annotations.excludedRanges);
  const ports = value(annotations.excludedPorts);
  return [
    ...(isUdpAllowed(value(annotations.allowUdp)) ? [{ code: "AllowsUdp" } as const] : []),
    ...(ranges === "" ? [] : [{ code: "ExcludesRanges", what: [ranges] } as const]),
    ...(ports === "" ? [] : [{ code: "ExcludesPorts", what: [ports] } as const]),
  ];
}

/** The capture lets UDP through to whatever stands in the pod's resolv.conf. */
function ofNameServers({ spec }: JudgedPod): readonly OutsideReason[] {
  const what = (spec.dnsConfig?.nameservers ?? []).filter((server) => !isHarmlessServer(server));
  return what.length > 0 ? [{ code: "OwnNameServers", what }] : [];
}

/** As policy `osm-exempt` has it: what is on the node itself, and IPv6, which is closed. */
function isHarmlessServer(address: string): boolean {
  if (address.includes(":")) return !address.includes(".");
  return isOnNode(address);
}
