import type { EnvoyLogLevel } from "./osm-config.ts";

/**
 * MeshInjection's spec: what the injection policy reads when a pod is created.
 *
 * `osm install` owns `meshName` and `images`; the rest is the reconciler's, from the last accepted osm-config. The CRD fills in what is
 * absent, so the policy always finds every field.
 */
export interface MeshInjectionSpec {
  /** Of this cluster's mesh: a pass for another one is a mistake. */
  readonly meshName?: string;
  readonly images?: { readonly sidecar: string };
  readonly envoyLogLevel?: EnvoyLogLevel;
  /** CIDRs that are not captured. */
  readonly excludedRanges?: readonly string[];
  /** Ports that are not captured. */
  readonly excludedPorts?: readonly number[];
  /** CIDRs of the cluster's Services, which a pod may not exclude by annotation; empty where nobody knows them. */
  readonly serviceRanges?: readonly string[];
  /** Single addresses in them that it may, each as `10.96.0.1/32`: those of the system's Services. */
  readonly systemServices?: readonly string[];
  readonly sidecarResources?: Partial<InjectionResources>;
  /** ConfigMap names of service accounts whose own name is too long, by account. */
  readonly configNames?: Readonly<Record<string, string>>;
}

/** Kubernetes quantities. */
export interface InjectionResources {
  readonly cpuRequest: string;
  /** Only for pods all of whose own containers have a CPU limit; others are not throttled. */
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
}

/** What a mesh gets whose osm-config says nothing about it. */
export const injectionDefaults = {
  envoyLogLevel: "error",
  excludedRanges: [],
  excludedPorts: [],
  serviceRanges: [],
  systemServices: [],
  // Envoy at rest holds about 67 MB.
  sidecarResources: { cpuRequest: "50m", cpuLimit: "500m", memoryRequest: "96Mi", memoryLimit: "256Mi" },
  configNames: {},
} as const satisfies Omit<Required<MeshInjectionSpec>, "meshName" | "images">;
