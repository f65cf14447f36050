import { dirname } from "node:path/posix";
import { adminSocket, envoyArguments } from "#lib/envoy/bootstrap.ts";
import { ports, sidecar } from "#lib/mesh/names.ts";
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

/** Where the capture script is in the sidecar image. */
export const captureCommand = "/usr/local/bin/capture.sh";

const runVolume = "osm-sidecar-run";

/** Names of the volumes that injection adds. */
export const volumeNames = [sidecar.volume, runVolume] as const;

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
    command: [captureCommand],
    args: [values.excludedRanges, values.excludedPorts, values.allowUdp],
    resources: values.resources,
    volumeMounts: [withoutToken],
    securityContext: {
      ...commonSecurity,
      // iptables asks for both, and for root; explicit, because the pod may say runAsUser or runAsNonRoot for all.
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
    },
    ...terminationDefaults,
  };
}

function sidecarContainer(values: InjectionValues): Tree {
  return {
    name: sidecar.container,
    image: values.image,
    imagePullPolicy: "IfNotPresent",
    command: ["/usr/local/bin/envoy"],
    args: envoyArgumentTrees(values.logLevel),
    restartPolicy: "Always",
    resources: values.resources,
    securityContext: {
      ...commonSecurity,
      capabilities: { drop: ["ALL"] },
      runAsUser: sidecar.uid,
      runAsGroup: sidecar.uid,
      runAsNonRoot: true,
    },
    // The pod's own containers wait for it: their first packet finds a sidecar that has its configuration.
    startupProbe: {
      httpGet: { path: "/ready", port: ports.status, scheme: "HTTP" },
      periodSeconds: 1,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 60,
    },
    volumeMounts: [
      { name: sidecar.volume, mountPath: sidecar.mountPath, readOnly: true },
      // Not /dev/shm, which the containers of a pod share: the app must not reach the admin socket.
      { name: runVolume, mountPath: dirname(adminSocket) },
      withoutToken,
    ],
    ...terminationDefaults,
  };
}

/**
 * In the place of the account's token, which neither container needs. Injection by policy comes after the plug-in that
 * mounts tokens; a pod out of `osm inject` comes before it, and a container with a mount there gets no other.
 */
const withoutToken = {
  name: sidecar.volume,
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  readOnly: true,
};

const commonSecurity = {
  allowPrivilegeEscalation: false,
  privileged: false,
  readOnlyRootFilesystem: true,
  // A pod-level profile of the app's may forbid what Envoy needs.
  seccompProfile: { type: "RuntimeDefault" },
};

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
