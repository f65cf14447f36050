import { createHash } from "node:crypto";
import { type SidecarConfig, sidecarConfig } from "../envoy/sidecar-config.ts";
import { parseBoolean } from "../mesh/boolean.ts";
import { crowdedOut, inMeshDestinations } from "../mesh/in-mesh.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import {
  type ConfigProblem,
  defaultSettings,
  type MeshSettings,
  type OsmConfig,
  parseOsmConfig,
} from "../mesh/osm-config.ts";
import type { RunningSettings } from "../mesh/running-settings.ts";
import { reachesServices, type ServiceRange } from "../mesh/service-range.ts";
import { sidecarConfigName } from "../mesh/sidecar-config-name.ts";
import type { SidecarPolicy } from "../mesh/sidecar-policy.ts";
import { type Account, accountKey, type Glance, type MeshObservation, type SidecarConfigMap } from "./observation.ts";
import type { RolloutStatus, Target } from "./status.ts";
import { wantedInjection } from "./wanted-injection.ts";

/** What the mesh must become, derived whole from one observation. */
export interface Wanted {
  readonly target: Target;
  readonly running: RunningSettings;
  readonly injection: MeshInjectionSpec;
  /** By `namespace/account`. */
  readonly configs: ReadonlyMap<string, WantedConfig>;
  /** What of osm-config cannot be used; the mesh keeps what it ran there. */
  readonly problems: readonly ConfigProblem[];
  /** osm-config's value is a boolean. */
  readonly accepted: boolean;
  /** What of osm-config is taken as it stands, because it could not be checked, and why. */
  readonly unchecked?: string;
  /** What the configurations are rendered from. */
  readonly policy: SidecarPolicy;
}

export interface WantedConfig {
  readonly account: Account;
  readonly config: SidecarConfig;
  /** Another version of the same: its sidecars may run bytes that called themselves the plain one. */
  readonly proof?: string;
}

/**
 * Whoever has a sidecar ConfigMap keeps it wanted, also after its namespace lost its label: its pods still run.
 *
 * @param extra  accounts of injected pods that neither a mesh namespace nor a ConfigMap tells of
 */
export function wantedMesh(seen: MeshObservation, extra: readonly Account[] = []): Wanted {
  const services = serviceRange(seen);
  const last = lastSettings(seen, services);
  const parsed = readOsmConfig(seen, last, services);
  const running: RunningSettings = {
    egress: parsed.egress ?? last.egress,
    permissive: parsed.settings.permissive,
    inMeshCidrs: parsed.settings.inMeshCidrs,
  };
  const destinations = inMeshDestinations(seen.services, parsed.settings);
  const policy = { egress: running.egress, destinations };
  const config = sidecarConfig(policy);
  const accounts = [
    ...seen.accounts,
    ...seen.configMaps.map((map) => ({ namespace: map.namespace, name: map.account })),
    ...extra,
  ];
  const plain: Wanted = {
    policy,
    target: { egress: running.egress, digest: targetDigest([config.digest]) },
    running,
    injection: wantedInjection(seen, parsed.settings, services, accounts),
    configs: new Map(accounts.map((account) => [accountKey(account), { account, config }])),
    problems: [...parsed.problems, ...crowding(seen)],
    accepted: parsed.egress !== undefined,
    ...uncheckedExclusions(seen, parsed.settings),
  };
  return withProofs(plain, unprovenConfigs(seen.rollout?.status));
}

/** @param proofs  by ConfigMap, `namespace/name` */
export function withProofs(wanted: Wanted, proofs: ReadonlyMap<string, string>): Wanted {
  if (proofs.size === 0) return wanted;
  const configs = [...wanted.configs].map(([key, plain]): [string, WantedConfig] => {
    const { account } = plain;
    const proof = proofs.get(`${account.namespace}/${sidecarConfigName(account.name)}`);
    return [key, proof === undefined ? plain : { account, config: sidecarConfig(wanted.policy, proof), proof }];
  });
  return { ...wanted, configs: new Map(configs) };
}

function unprovenConfigs({ drift }: RolloutStatus = {}): ReadonlyMap<string, string> {
  return new Map(
    (drift?.findings ?? []).flatMap(({ object, proof }) =>
      proof === undefined ? [] : [[object.replace(/^ConfigMap /, ""), proof] as const],
    ),
  );
}

/** osm-config says another value than this target, which the mesh was set to last or is being set to. */
export function isSwitched({ osmConfig }: Pick<Glance, "osmConfig">, target: Target | undefined): boolean {
  const value = parseBoolean(osmConfig?.data?.["egress"] ?? "");
  return value !== undefined && target !== undefined && value !== target.egress;
}

function readOsmConfig(seen: MeshObservation, last: MeshSettings, services: ServiceRange): OsmConfig {
  if (seen.osmConfig) return parseOsmConfig(seen.osmConfig.data, last, services);
  const message = "ConfigMap osm-config does not exist; the mesh keeps what it runs until it is back";
  return { egress: undefined, settings: last, problems: [{ key: "egress", message }] };
}

/** Unknown now, it is what it was when somebody knew. */
function serviceRange({ serviceRange: seen, injection }: MeshObservation): ServiceRange {
  return {
    cidrs: seen?.cidrs ?? injection?.serviceRanges ?? [],
    outside: new Set(seen?.outside.map(({ cidr }) => cidr)),
  };
}

function uncheckedExclusions(
  { serviceRange: seen }: MeshObservation,
  { outboundCidrExclusions }: MeshSettings,
): Pick<Wanted, "unchecked"> {
  if (seen?.why === undefined || outboundCidrExclusions.length === 0) return {};
  return { unchecked: `whether outbound_ip_range_exclusion_list keeps out of the Service range: ${seen.why}` };
}

function crowding({ services }: MeshObservation): readonly ConfigProblem[] {
  const out = crowdedOut(services);
  const [first] = out;
  if (!first) return [];
  const message = `Services: ${out.length} are too many for a sidecar's configuration and count as outside the mesh, ${first.namespace}/${first.name} among them`;
  return [{ key: "services", message }];
}

/** What the mesh runs now: the status and the ConfigMap written last say so; egress is off if there never was a good value. */
function lastSettings(seen: MeshObservation, services: ServiceRange): MeshSettings & RunningSettings {
  const newest = trustedConfigMaps(seen)
    .filter((map) => map.settings !== undefined)
    .reduce<SidecarConfigMap | undefined>(
      (best, map) => (best === undefined || map.fencing > best.fencing ? map : best),
      undefined,
    )?.settings;
  const injection = seen.injection;
  const { cpuRequest, memoryRequest, memoryLimit } = injection?.sidecarResources ?? {};
  return {
    egress: seen.rollout?.status.target?.egress ?? newest?.egress ?? false,
    permissive: newest?.permissive ?? defaultSettings.permissive,
    inMeshCidrs: newest?.inMeshCidrs ?? defaultSettings.inMeshCidrs,
    envoyLogLevel: injection?.envoyLogLevel ?? defaultSettings.envoyLogLevel,
    // What was good before anybody knew the Service range is not good for that.
    outboundCidrExclusions: (injection?.excludedRanges ?? []).filter((cidr) => !reachesServices(cidr, services)),
    outboundPortExclusions: injection?.excludedPorts ?? [],
    sidecarResources: {
      ...(cpuRequest === undefined ? {} : { cpuRequest }),
      ...(memoryRequest === undefined ? {} : { memoryRequest }),
      ...(memoryLimit === undefined ? {} : { memoryLimit }),
    },
  };
}

/** Outside the mesh anybody may have made a ConfigMap of that name: those tell only where there are no others. */
function trustedConfigMaps(seen: MeshObservation): readonly SidecarConfigMap[] {
  const namespaces = new Set(seen.accounts.map(({ namespace }) => namespace));
  const inMesh = seen.configMaps.filter(({ namespace }) => namespaces.has(namespace));
  return inMesh.length > 0 ? inMesh : seen.configMaps;
}

/** One text for what all accounts run; equal configurations count once, so accounts coming and going do not change it. */
function targetDigest(digests: readonly string[]): string {
  return createHash("sha256")
    .update([...new Set(digests)].sort().join("\n"))
    .digest("hex")
    .slice(0, 32);
}
