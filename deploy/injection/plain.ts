import { injectedVolumeNames } from "#lib/envoy/injected-containers.ts";
import { type InjectionResources, injectionDefaults, type MeshInjectionSpec } from "#lib/mesh/injection.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { podCapture } from "#lib/mesh/pod-capture.ts";
import { isSameAmount } from "#lib/mesh/resource-quantity.ts";
import { reachesServices } from "#lib/mesh/service-range.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import { type InjectionValues, injectedContainers, injectedVolumes } from "./containers.ts";
import { detourFaults } from "./plain-detours.ts";
import { type PodResources, sidecarResources } from "./resources.ts";

type Named = { readonly name: string };
type Texts = Readonly<Record<string, string>>;
type Amounts = Readonly<Record<string, unknown>>;

/** Absent parts may also be null, as YAML has it. */
export interface PlainContainer extends Named {
  readonly resources?: { readonly limits?: Amounts | null; readonly requests?: Amounts | null } | null;
  readonly volumeMounts?: readonly Named[] | null;
}

/** A pod's spec as it stands in a manifest: all other fields are carried along. */
export interface PlainPodSpec {
  readonly containers: readonly PlainContainer[];
  readonly initContainers?: readonly PlainContainer[] | null;
  readonly volumes?: readonly Named[] | null;
  readonly serviceAccountName?: string | null;
  /** The old name of the same. */
  readonly serviceAccount?: string | null;
  /** The pod's own budget. */
  readonly resources?: object | null;
  readonly dnsConfig?: {
    readonly nameservers?: readonly string[] | null;
    readonly options?: readonly { readonly name?: string | null; readonly value?: string | null }[] | null;
  } | null;
}

/** Likewise: a pod, or the template of one. */
export interface PlainPod<Spec extends PlainPodSpec = PlainPodSpec> {
  readonly metadata?: { readonly annotations?: Texts | null } | null;
  readonly spec: Spec;
}

/** What a namespace's LimitRanges give to containers that do not say. */
export interface ContainerDefaults {
  readonly limits: Amounts;
  readonly requests: Amounts;
}

/** MeshInjection's fields as the policy finds them: the definition fills in what is absent. */
export type PlainInjection = Omit<MeshInjectionSpec, "images"> & { readonly images: { readonly sidecar: string } };

const containerNames: readonly string[] = [sidecar.captureContainer, sidecar.container];
const ourVolumes: readonly string[] = injectedVolumeNames;

/**
 * The policy's mutation (variables.ts) without an API server: the same pod, byte for byte, once the API server has
 * filled in its defaults. Injected twice is injected once.
 *
 * @param defaults  of the pod's namespace: they come before the policy, and decide about the pod's class
 */
export function injectedSpec<Spec extends PlainPodSpec>(
  pod: PlainPod<Spec>,
  injection: PlainInjection,
  defaults: ContainerDefaults,
): Spec {
  const own = ownParts(pod.spec);
  const values = plainValues(pod, injection, defaults);
  return {
    ...pod.spec,
    initContainers: [...injectedContainers(values), ...own.initContainers],
    volumes: [...injectedVolumes(values), ...own.volumes],
  };
}

/** Why the API server would refuse the injected pod: a field of it, and what is wrong there. */
export interface InjectionFault {
  readonly field: readonly (string | number)[];
  readonly problem: string;
}

export function injectionFaults({ metadata, spec }: PlainPod, injection: PlainInjection): readonly InjectionFault[] {
  const { initContainers, volumes } = ownParts(spec);
  const containers: readonly (readonly [string, readonly PlainContainer[]])[] = [
    ["containers", spec.containers],
    ["initContainers", initContainers],
  ];
  return [
    ...captureFaults(metadata?.annotations ?? {}, injection),
    ...containers.flatMap(([list, all]) => [...taken(list, all, containerNames), ...all.flatMap(mountFaults(list))]),
    ...taken("volumes", volumes, ourVolumes),
    ...detourFaults(spec, {
      containers: [...spec.containers.entries()],
      initContainers: [...(spec.initContainers ?? []).entries()].filter(([, it]) => initContainers.includes(it)),
    }),
  ];
}

function captureFaults(annotations: Texts, injection: PlainInjection): readonly InjectionFault[] {
  const field = ["metadata", "annotations"];
  const read = podCapture(annotations);
  if ("problems" in read) return read.problems.map((problem) => ({ field, problem }));
  const { serviceRanges, systemServices, excludedRanges } = { ...injectionDefaults, ...injection };
  const range = { cidrs: serviceRanges, outside: new Set([...systemServices, ...excludedRanges]) };
  return read.excludedRanges
    .filter((cidr) => reachesServices(cidr, range))
    .map((cidr) => ({ field, problem: `exclude ${cidr}, which is in the cluster's Service range` }));
}

function taken(list: string, items: readonly Named[], names: readonly string[]): readonly InjectionFault[] {
  return items
    .filter(({ name }) => names.includes(name))
    .map(({ name }) => ({ field: ["spec", list], problem: `has ${name}, which is the name of one of the sidecar's` }));
}

function mountFaults(list: string) {
  return ({ name, volumeMounts }: PlainContainer): readonly InjectionFault[] =>
    (volumeMounts ?? [])
      .filter((mount) => ourVolumes.includes(mount.name))
      .map((mount) => ({
        field: ["spec", list],
        problem: `has ${name}, which mounts ${mount.name}, a volume of the sidecar's`,
      }));
}

function plainValues(pod: PlainPod, injection: PlainInjection, defaults: ContainerDefaults): InjectionValues {
  const { spec } = pod;
  const account = spec.serviceAccountName || spec.serviceAccount || "default";
  const sizes: InjectionResources = { ...injectionDefaults.sidecarResources, ...injection.sidecarResources };
  return {
    ...captureValues(pod, injection),
    image: injection.images.sidecar,
    logLevel: injection.envoyLogLevel ?? injectionDefaults.envoyLogLevel,
    resources: sidecarResources(podResources(spec, defaults), (field) => sizes[field]),
    configName: injection.configNames?.[account] ?? sidecarConfigName(account),
  };
}

/** What is not captured: as the mesh says for all pods, and then as the pod does. */
function captureValues({ metadata }: PlainPod, injection: PlainInjection) {
  const { excludedRanges, excludedPorts } = { ...injectionDefaults, ...injection };
  const read = podCapture(metadata?.annotations ?? {});
  // Faulty ones are found before (injectionFaults); they open nothing.
  const own = "problems" in read ? { excludedRanges: [], excludedPorts: [], allowUdp: false } : read;
  return {
    excludedRanges: [...excludedRanges, ...own.excludedRanges].join(","),
    excludedPorts: [...excludedPorts, ...own.excludedPorts].join(","),
    allowUdp: own.allowUdp ? ("true" as const) : ("false" as const),
  };
}

function podResources(spec: PlainPodSpec, defaults: ContainerDefaults): PodResources {
  if (spec.resources) return "budget";
  const all = [...spec.containers, ...ownParts(spec).initContainers].map((it) => admitted(it, defaults));
  if (!all.every(({ limits }) => limits["cpu"] !== undefined)) return "other";
  const isGuaranteed = all.every(({ limits, requests }) =>
    ["cpu", "memory"].every((resource) => isSameAmount(requests[resource], limits[resource])),
  );
  return isGuaranteed ? "guaranteed" : "cpu-limited";
}

/** A container's resources as the policy sees them: requests follow limits, and then LimitRanges fill in the rest. */
function admitted({ resources }: PlainContainer, defaults: ContainerDefaults): ContainerDefaults {
  const limits = given(resources?.limits);
  return {
    limits: { ...defaults.limits, ...limits },
    requests: { ...defaults.requests, ...limits, ...given(resources?.requests) },
  };
}

function given(amounts: Amounts | null | undefined): Amounts {
  return Object.fromEntries(Object.entries(amounts ?? {}).filter(([, amount]) => amount !== null));
}

/** Without what an earlier injection added; that is told by completeness, as in the policy. */
function ownParts(spec: PlainPodSpec) {
  const initContainers = spec.initContainers ?? [];
  const volumes = spec.volumes ?? [];
  const once = (items: readonly Named[]) => (name: string) => items.filter((item) => item.name === name).length === 1;
  const brought = containerNames.every(once(initContainers)) && ourVolumes.every(once(volumes));
  if (!brought) return { initContainers, volumes };
  return {
    initContainers: initContainers.filter(({ name }) => !containerNames.includes(name)),
    volumes: volumes.filter(({ name }) => !ourVolumes.includes(name)),
  };
}
