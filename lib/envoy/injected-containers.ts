import { dirname } from "node:path/posix";
import { ports, sidecar } from "../mesh/names.ts";
import { adminSocket } from "./bootstrap.ts";

/** Where the capture script is in the sidecar image. */
const captureCommand = "/usr/local/bin/capture.sh";

export const runVolume = "osm-sidecar-run";

/** Names of the volumes that injection adds. */
export const injectedVolumeNames = [sidecar.volume, runVolume] as const;

/**
 * In the place of the account's token, which neither container needs. Injection by policy comes after the plug-in that
 * mounts tokens; a pod out of `osm inject` comes before it, and a container with a mount there gets no other.
 */
const withoutToken = {
  name: sidecar.volume,
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  readOnly: true,
} as const;

const commonSecurity = {
  allowPrivilegeEscalation: false,
  privileged: false,
  readOnlyRootFilesystem: true,
  // A pod-level profile of the app's may forbid what Envoy needs.
  seccompProfile: { type: "RuntimeDefault" },
} as const;

/**
 * What of the two injected containers is the same in every pod, whatever the mesh's settings: rendered by
 * deploy/injection, and what a pod's sidecar is known by. Written out as the API server stores it.
 */
export const capturePart = {
  command: [captureCommand],
  volumeMounts: [withoutToken],
  securityContext: {
    ...commonSecurity,
    // iptables asks for both, and for root; explicit, because the pod may say runAsUser or runAsNonRoot for all.
    capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
    runAsUser: 0,
    runAsGroup: 0,
    runAsNonRoot: false,
  },
} as const;

export const sidecarPart = {
  command: ["/usr/local/bin/envoy"],
  restartPolicy: "Always",
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
} as const;
