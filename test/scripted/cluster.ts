import type { EgressError } from "#lib/errors.ts";
import { maxLeaseSeconds } from "#lib/mesh/fencing.ts";
import type { MeshService } from "#lib/mesh/in-mesh.ts";
import type { MeshInjectionSpec } from "#lib/mesh/injection.ts";
import { meshPlace } from "#lib/mesh/names.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import type { Survey } from "#lib/rollout/drift/survey.ts";
import type { Account, MeshObservation, RolloutSpec, SidecarConfigMap } from "#lib/rollout/observation.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { Clock } from "./clock.ts";
import { ScriptedPod } from "./sidecar.ts";

/** A Lease as the API server keeps it. */
export interface StoredLease {
  resourceVersion: string;
  holder: string;
  transitions: number;
  renewedAtMs: number;
  marked: boolean;
}

export const leaseMs = maxLeaseSeconds * 1_000;
/** Without a poke the kubelet looks this often. */
const kubeletSyncMs = 72_000;

/** A cluster in memory: objects with resourceVersions, pods that behave as they are told, and a list of all writes. */
export class ScriptedCluster {
  readonly clock = new Clock();
  readonly namespaces = new Map<string, "labelled" | "unlabelled" | "terminating">();
  accounts: Account[] = [];
  services: MeshService[] = [];
  readonly configMaps = new Map<string, SidecarConfigMap>();
  readonly pods = new Map<string, ScriptedPod>();
  injection: MeshInjectionSpec | undefined;
  rollout: { resourceVersion: string; spec?: RolloutSpec; status: RolloutStatus } | undefined;
  lease: StoredLease | undefined;
  /** What a survey shows but for its time: a cluster as it was installed, without a forwarder. */
  surveyed: Omit<Survey, "atMs"> = {
    place: meshPlace,
    image: { wanted: undefined },
    injects: true,
    namespaces: [],
    pods: [],
    guards: [],
    forwarder: undefined,
    forwarderSilentMs: undefined,
    unread: [],
  };
  /** By ConfigMap, `namespace/name`: what the API server answers to a write. */
  readonly refusals = new Map<string, EgressError>();
  /** By pod, `namespace/name`: what it answers to a poke. */
  readonly pokeRefusals = new Map<string, EgressError>();
  /** Everything written, in words. */
  writes: string[] = [];
  /** Called with every status as it is written. */
  watchStatus: (status: RolloutStatus) => void = () => undefined;
  /** Called with every sidecar's ConfigMap as it is written, whoever does it, and with what was there before. */
  watchConfigMap: (map: SidecarConfigMap, before: SidecarConfigMap | undefined) => void = () => undefined;
  /** Port calls by verb. */
  readonly calls = new Map<string, number>();
  #osmConfig:
    | {
        readonly resourceVersion: string;
        readonly egressWrittenAt: string;
        readonly data: Readonly<Record<string, string>> | undefined;
      }
    | undefined;
  #version = 100;

  nextVersion(): string {
    return String(++this.#version);
  }

  /** Somebody writes osm-config; undefined deletes it. */
  setOsmConfig(data: Readonly<Record<string, string>> | undefined): void {
    // As managedFields have it, in whole seconds.
    const egressWrittenAt = new Date(Math.floor(this.clock.nowMs() / 1_000) * 1_000).toISOString();
    this.#osmConfig = data === undefined ? undefined : { resourceVersion: this.nextVersion(), egressWrittenAt, data };
  }

  addAccount(namespace: string, name: string): void {
    if (!this.namespaces.has(namespace)) this.namespaces.set(namespace, "labelled");
    this.accounts.push({ namespace, name });
  }

  addPod(namespace: string, name: string, account: string): ScriptedPod {
    const configMap = sidecarConfigName(account);
    const mounted = () => this.configMaps.get(`${namespace}/${configMap}`)?.files;
    const pod = new ScriptedPod({ namespace, name, account, configMap }, this.clock, mounted);
    this.pods.set(`${namespace}/${name}`, pod);
    pod.start();
    return pod;
  }

  pod(key: string): ScriptedPod {
    const pod = this.pods.get(key);
    if (!pod) throw new Error(`there is no pod ${key}`);
    return pod;
  }

  configMap(key: string): SidecarConfigMap {
    const map = this.configMaps.get(key);
    if (!map) throw new Error(`there is no ConfigMap ${key}`);
    return map;
  }

  storeConfigMap(map: SidecarConfigMap): void {
    const key = `${map.namespace}/${map.name}`;
    this.watchConfigMap(map, this.configMaps.get(key));
    this.configMaps.set(key, map);
    const mounting = () => [...this.pods.values()].filter((pod) => `${pod.namespace}/${pod.configMap}` === key);
    this.clock.after(kubeletSyncMs, () => mounting().forEach((pod) => pod.look()));
  }

  /** Somebody else writes a sidecar's ConfigMap; the kubelets hear of it. */
  alter(
    key: string,
    by: string,
    change: { readonly files?: Partial<SidecarConfigMap["files"]>; readonly immutable?: true },
  ): void {
    const map = this.configMap(key);
    const at = new Date(Math.floor(this.clock.nowMs() / 1_000) * 1_000).toISOString();
    const fields = Object.keys(change.files ?? {}).map((file) => `data.${file}`);
    const writers = Object.fromEntries(
      [...fields, ...(change.immutable ? ["immutable"] : [])].map((field) => [field, { manager: by, at }]),
    );
    this.storeConfigMap({
      ...map,
      ...change,
      files: { ...map.files, ...change.files },
      resourceVersion: this.nextVersion(),
      writers: { ...map.writers, ...writers },
    });
    for (const pod of this.pods.values()) if (`${pod.namespace}/${pod.configMap}` === key) pod.look();
  }

  /** What the mesh's owner wants of a rollout. */
  setSpec(spec: RolloutSpec): void {
    this.rollout = { status: {}, ...this.rollout, resourceVersion: this.nextVersion(), spec };
  }

  get leaseExpired(): boolean {
    return this.lease !== undefined && this.clock.nowMs() - this.lease.renewedAtMs > leaseMs;
  }

  observe(): MeshObservation {
    const inMesh = ({ namespace }: { readonly namespace: string }) => this.namespaces.get(namespace) === "labelled";
    const { lease } = this;
    return structuredClone({
      osmConfig: this.#osmConfig && { uid: "uid-osm-config", egressManager: "kubectl-patch", ...this.#osmConfig },
      namespaces: [...this.namespaces].filter(([, state]) => state !== "unlabelled").map(([name]) => name),
      accounts: this.accounts.filter(inMesh),
      services: this.services.filter(inMesh),
      configMaps: [...this.configMaps.values()],
      injection: this.injection,
      rollout: this.rollout,
      lease: lease && {
        resourceVersion: lease.resourceVersion,
        holder: lease.holder,
        transitions: lease.transitions,
        renewTime: new Date(lease.renewedAtMs).toISOString(),
        expired: this.leaseExpired,
      },
    });
  }

  get status(): RolloutStatus {
    return this.rollout?.status ?? {};
  }

  /** What every sidecar really does, e.g. `shop/web-1 on`. */
  get reality(): readonly string[] {
    return [...this.pods].map(([key, pod]) => `${key} ${pod.egress ? "on" : "off"}`).sort();
  }
}
