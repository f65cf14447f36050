import { envoyArguments } from "#lib/envoy/bootstrap.ts";
import { capturePart, runVolume, sidecarPart } from "#lib/envoy/injected-containers.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { type Cel, cel, type Tree } from "../cel.ts";

/** What differs between two injected pods; expressions in the policy, plain values in `osm inject`. */
export interface InjectionValues {
  readonly image: string | Cel;
  readonly logLevel: string | Cel;
  /** Comma-separated CIDRs; may be empty. */
  readonly excludedRanges: string | Cel;
  /** Comma-separated ports; may be empty. */
  readonly excludedPorts: string | Cel;
  /** Leaves UDP over IPv4 open; the capture's argument, so a text. */
  readonly allowUdp: "true" | "false" | Cel;
  readonly resources: Tree;
  /** Name of the account's sidecar ConfigMap. */
  readonly configName: string | Cel;
}

/**
 * What injection puts before a pod's own init containers: first the capture, then Envoy, so that no other process of the
 * pod ever runs on an open network.
 */
export function injectedContainers(values: InjectionValues): readonly Tree[] {
  return [captureContainer(values), sidecarContainer(values)];
}

/** Volumes of the injected containers. */
export function injectedVolumes(values: InjectionValues): readonly Tree[] {
  return [
    { name: sidecar.volume, configMap: { name: values.configName, defaultMode: 0o444 } },
    { name: runVolume, emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
  ];
}

function captureContainer(values: InjectionValues): Tree {
  return {
    name: sidecar.captureContainer,
    image: values.image,
    imagePullPolicy: "IfNotPresent",
    command: capturePart.command,
    args: [values.excludedRanges, values.excludedPorts, values.allowUdp],
    resources: values.resources,
    volumeMounts: capturePart.volumeMounts,
    securityContext: capturePart.securityContext,
    ...terminationDefaults,
  };
}

function sidecarContainer(values: InjectionValues): Tree {
  return {
    name: sidecar.container,
    image: values.image,
    imagePullPolicy: "IfNotPresent",
    command: sidecarPart.command,
    args: envoyArgumentTrees(values.logLevel),
    restartPolicy: sidecarPart.restartPolicy,
    resources: values.resources,
    securityContext: sidecarPart.securityContext,
    startupProbe: sidecarPart.startupProbe,
    volumeMounts: sidecarPart.volumeMounts,
    ...terminationDefaults,
  };
}

/** Written out so that a rendered container equals the one that the API server stores. */
const terminationDefaults = {
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
};

/** Envoy's arguments, with an expression for the log level where that is one. */
function envoyArgumentTrees(logLevel: string | Cel): readonly Tree[] {
  const placeholder = "LOG-LEVEL";
  return envoyArguments(placeholder).map((argument) => {
    if (argument === placeholder) return logLevel;
    // The kubelet expands `$(NAME)` in arguments; in a rendered configuration that can only be an accident.
    if (argument.includes("$(")) throw new Error(`Envoy argument with a variable reference: ${argument}`);
    return argument;
  });
}

/** The values as the injection policy sees them: its parameter is the MeshInjection, and `variables` are its own. */
export const policyValues: InjectionValues = {
  image: cel`params.spec.images.sidecar`,
  logLevel: cel`params.spec.envoyLogLevel`,
  excludedRanges: cel`(params.spec.excludedRanges + variables.ownRanges).join(",")`,
  excludedPorts: cel`(params.spec.excludedPorts.map(port, string(port)) + variables.ownPorts).join(",")`,
  allowUdp: cel`variables.allowUdp ? "true" : "false"`,
  resources: cel`variables.resources`,
  configName: cel`variables.configName`,
};
