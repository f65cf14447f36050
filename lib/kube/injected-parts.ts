import { normalize } from "node:path/posix";
import { envoyArguments } from "../envoy/bootstrap.ts";
import { canonicalJson, type Json } from "../envoy/canonical-json.ts";
import { capturePart, injectedVolumeNames, runVolume, sidecarPart } from "../envoy/injected-containers.ts";
import { annotations, sidecar } from "../mesh/names.ts";
import { envoyLogLevels } from "../mesh/osm-config.ts";
import { isUdpAllowed } from "../mesh/pod-guarantee.ts";
import { sidecarConfigName } from "../mesh/sidecar-config-name.ts";
import type { Exclusions, InjectedParts } from "../rollout/observation.ts";

/** As much of a pod as tells where its capture and its sidecar come from. */
export interface PodWithParts {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly serviceAccountName?: string;
    readonly initContainers?: readonly Container[];
    readonly containers?: readonly Container[];
    readonly volumes?: readonly Volume[];
  };
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext?: object;
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name?: string; readonly items?: readonly object[] };
  readonly emptyDir?: object;
}

/** Where other plug-ins mount credentials into every container of a pod, as EKS does. Nothing of ours is there. */
const secretsPath = "/var/run/secrets/";
/** What goes with those. */
const harmlessVariable = /^AWS_[A-Z_]+$/;
/** Each is a way to run something else in the container, or as its user. */
const never = ["lifecycle", "livenessProbe", "readinessProbe", "envFrom", "workingDir", "volumeDevices"] as const;

/**
 * Where the API server injects, the two are rendered anew at a pod's creation, whatever it brings; where it does not, they
 * are what somebody has put there: `osm inject`, or a person with a better idea.
 */
export function injectedParts({ metadata, spec }: PodWithParts): InjectedParts {
  const own = ownExclusions(metadata?.annotations);
  return { ...partsOf(spec), ...(own === undefined ? {} : { own }) };
}

type Parts = Omit<InjectedParts, "own">;

/** Pods of one template have the same, and a mesh has thousands. */
const known = new Map<string, Parts>();
const maxKnown = 1_000;

function partsOf({
  serviceAccountName = "default",
  initContainers = [],
  containers = [],
  volumes = [],
}: PodWithParts["spec"]) {
  const named = (name: string) => initContainers.find((container) => container.name === name);
  const [capture, envoy] = [named(sidecar.captureContainer), named(sidecar.container)];
  const isFirst = initContainers[0] === capture && initContainers[1] === envoy;
  const ours = volumes.filter(({ name }) => injectedVolumeNames.some((it) => it === name));
  const intruders = [...initContainers, ...containers]
    .filter((container) => container !== capture && container !== envoy && mountsOurs(container))
    .map(({ name }) => name);
  const key = JSON.stringify([capture, envoy, isFirst, ours, serviceAccountName, intruders]);
  const found = known.get(key);
  if (found) return found;
  const parts: Parts = {
    images: [capture, envoy].map((container) => container?.image ?? ""),
    foreign: [
      ...foreignIn(capture, sidecar.captureContainer, {
        ...capturePart,
        startupProbe: undefined,
        restartPolicy: undefined,
      }),
      ...(isCapturesOwn(capture?.args ?? []) ? [] : [`${sidecar.captureContainer} args`]),
      ...foreignIn(envoy, sidecar.container, sidecarPart),
      ...(isFirst ? [] : ["the order of the two"]),
      ...foreignVolumes(ours, serviceAccountName),
      ...intruders.map((name) => `its volumes in container ${name}`),
    ],
    hasOurArguments: ownArguments.has(textOf(envoy?.args ?? [])),
    open: captureArguments(capture?.args ?? []),
  };
  if (known.size >= maxKnown) known.clear();
  known.set(key, parts);
  return parts;
}

function mountsOurs({ volumeMounts = [] }: Container): boolean {
  return volumeMounts.some(({ name }) => injectedVolumeNames.some((it) => it === name));
}

type Fixed = Readonly<Record<string, Json | undefined>> & {
  readonly securityContext: Readonly<Record<string, Json>>;
  readonly volumeMounts: readonly Json[];
};

function foreignIn(container: Container | undefined, name: string, fixed: Fixed): readonly string[] {
  if (container === undefined) return [`no ${name}`];
  const fields = container as unknown as Readonly<Record<string, unknown>>;
  const { volumeMounts, securityContext, ...plain } = fixed;
  const own = volumeMounts.map(textOf);
  const mounts = (container.volumeMounts ?? []).map((mount) => [textOf(mount), mount.mountPath] as const);
  const counting = mounts.filter(([text, path]) => own.includes(text) || !isSecretsOwn(path)).map(([text]) => text);
  const security = (container.securityContext ?? {}) as Readonly<Record<string, unknown>>;
  const differing = [
    ...Object.entries(plain).flatMap(([field, value]) => (textOf(fields[field]) === textOf(value) ? [] : [field])),
    ...(textOf(counting.toSorted()) === textOf(own.toSorted()) ? [] : ["volumeMounts"]),
    // What else a version of Kubernetes fills in leads nowhere.
    ...(Object.entries(securityContext).every(([field, value]) => textOf(security[field]) === textOf(value))
      ? []
      : ["securityContext"]),
    ...(container.env?.some((variable) => !harmlessVariable.test(variable.name)) ? ["env"] : []),
    ...never.filter((field) => fields[field] !== undefined),
  ];
  return differing.map((field) => `${name} ${field}`);
}

/** The runtime follows `..`. */
function isSecretsOwn(path: string): boolean {
  return path.startsWith(secretsPath) && normalize(path) === path;
}

function foreignVolumes(volumes: readonly Volume[], account: string): readonly string[] {
  const named = (name: string) => volumes.find((volume) => volume.name === name);
  const config = named(sidecar.volume)?.configMap;
  const isOwn = config?.name === sidecarConfigName(account) && config.items === undefined;
  return [
    ...(isOwn ? [] : [`volume ${sidecar.volume}`]),
    ...(named(runVolume)?.emptyDir === undefined ? [`volume ${runVolume}`] : []),
  ];
}

const ownArguments = new Set(envoyLogLevels.map((level) => textOf(envoyArguments(level))));

/** Three texts that say what they say: the kubelet would put a variable's value in the place of `$(NAME)`. */
function isCapturesOwn([ranges = "", ports = "", udp = "false", ...more]: readonly string[]): boolean {
  return (
    more.length === 0 && /^[\d./,]*$/.test(ranges) && /^[\d,]*$/.test(ports) && (udp === "true" || udp === "false")
  );
}

/** As deploy/injection passes it to the capture: two texts with commas, and whether UDP is open. */
export function captureArguments([ranges = "", ports = "", udp = "false"]: readonly string[]): Exclusions {
  return { ranges: itemsOf(ranges), ports: itemsOf(ports), udp: udp === "true" };
}

/** @returns undefined where its annotations say nothing */
function ownExclusions(given: Readonly<Record<string, string>> = {}): Exclusions | undefined {
  const ranges = itemsOf(given[annotations.excludedRanges] ?? "");
  const ports = itemsOf(given[annotations.excludedPorts] ?? "");
  const udp = isUdpAllowed(given[annotations.allowUdp]?.trim() ?? "");
  return ranges.length > 0 || ports.length > 0 || udp ? { ranges, ports, udp } : undefined;
}

function itemsOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function textOf(value: unknown): string {
  return value === undefined ? "" : canonicalJson(value as Json);
}
