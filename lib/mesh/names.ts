/**
 * Every name that users, sidecars and the API server share: one place, so that policy, renderer and reconciler cannot
 * disagree. The conventions are Open Service Mesh's where it had one.
 */

export const meshName = "osm";
export const osmNamespace = "osm-system";
export const osmConfigName = "osm-config";

/** Which mesh, and where its own objects are. */
export interface MeshPlace {
  readonly meshName: string;
  readonly osmNamespace: string;
}
export const meshPlace: MeshPlace = { meshName, osmNamespace };

/** API group of EgressRollout, EgressOverride and MeshInjection. */
export const apiGroup = "egress.openservicemesh.io";
export const apiVersion = `${apiGroup}/v1alpha1`;

/** Field manager of everything that the reconciler applies. */
export const fieldManager = "osm-reconciler";

/** Kubernetes group that the access entry gives to the function, and that `osm reconcile` impersonates. */
export const reconcilersGroup = "osm:reconcilers";

export const leaseName = "osm-reconciler";
/** Of its Deployment, its service account, its roles and its Lease. */
export const forwarderName = "osm-forwarder";
export const rolloutName = osmConfigName;
export const injectionName = osmConfigName;

/**
 * Verb on EgressRollout `osm-config`: whoever has it may take pods out of the capture, wholly or in part. Its ClusterRole
 * is bound to nobody.
 */
export const exempt = { verb: "exempt", role: "osm-exempt" } as const;
/** How the names of ConfigMaps begin that keep, in the mesh's namespace, what was last verified. */
export const lastGoodPrefix = "osm-last-good.";

export const labels = {
  /** On a namespace; the value is the mesh's name. */
  monitoredBy: "openservicemesh.io/monitored-by",
  /** On a namespace that has left the mesh of this name, while pods in it have a sidecar: those stay guarded. */
  leftMesh: "openservicemesh.io/left-mesh",
  /** On every ConfigMap that the reconciler writes; the value is the mesh's name. */
  sidecarConfig: "openservicemesh.io/sidecar-config",
} as const;

export const annotations = {
  /** On a namespace or a pod: `enabled` or `disabled`; the pod's wins. */
  injection: "openservicemesh.io/sidecar-injection",
  /** On a pod: IPv4 ranges, comma-separated, that are not captured besides the mesh's own; read at its creation. */
  excludedRanges: "openservicemesh.io/outbound-ip-range-exclusion-list",
  /** On a pod: the same, TCP ports. */
  excludedPorts: "openservicemesh.io/outbound-port-exclusion-list",
  /** On a pod: a boolean; true leaves UDP over IPv4 open. */
  allowUdp: "openservicemesh.io/allow-udp",
  /** On a namespace: `true` lets Kubernetes' controllers make pods in it whose annotations weaken the capture. */
  allowExemptPods: "openservicemesh.io/allow-exempt-pods",
  /**
   * On a pod: `<digest> <time>`, the digest that its ConfigMap held when the reconciler last asked the kubelet to look,
   * and when that was. The time makes asking again a change, without which the kubelet would not hear of it.
   */
  poke: "openservicemesh.io/sidecar-config-digest",
  /** On a sidecar ConfigMap: the digest of its three files. */
  digest: "openservicemesh.io/config-digest",
  /** On a sidecar ConfigMap: RunningSettings as JSON, so that what the mesh runs can be read back from it. */
  settings: "openservicemesh.io/mesh-settings",
  /** On a sidecar ConfigMap: its service account, whose name the ConfigMap's may have had to cut. */
  account: "openservicemesh.io/service-account",
  /** On a sidecar ConfigMap: `leaseTransitions` of the pass that wrote it, a decimal number; it never falls. */
  fencing: "openservicemesh.io/fencing-number",
  /**
   * On a sidecar ConfigMap: what its version was made with besides its content. Only after bytes that called themselves the
   * wanted version, until every sidecar has shown that it runs others.
   */
  proof: "openservicemesh.io/proof",
  /** On the Lease: a pass that found it held asks its holder to look once more before it ends. */
  lookAgain: "openservicemesh.io/look-again",
} as const;

/** Names of the two containers and of the volume that injection adds to a pod. */
export const sidecar = {
  container: "envoy",
  captureContainer: "osm-init",
  volume: "osm-sidecar-config",
  mountPath: "/etc/osm-sidecar",
  uid: 1500,
} as const;

export const ports = {
  /** Where iptables sends every outbound TCP connection of the pod. */
  outbound: 15001,
  /** GET /ready, /stats with the verification query, /stats/prometheus; nothing else. */
  status: 15010,
} as const;

/** Keys of a sidecar ConfigMap, each one Envoy's DiscoveryResponse as JSON. */
export const sidecarFiles = ["cds.json", "lds.json", "rds.json"] as const;
export type SidecarFile = (typeof sidecarFiles)[number];
