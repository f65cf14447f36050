import { booleanSpellings, parseBoolean } from "./boolean.ts";
import { parseCidrs, parsePorts } from "./exclusions.ts";
import { injectionDefaults } from "./injection.ts";
import { isAbove, quantityValue } from "./quantity.ts";
import { noServiceRange, reachesServices, type ServiceRange } from "./service-range.ts";

/** Everything that osm-config sets besides the switch itself. */
export interface MeshSettings {
  readonly permissive: boolean;
  /** Read when a pod is created: destinations that are not captured. */
  readonly outboundCidrExclusions: readonly string[];
  readonly outboundPortExclusions: readonly number[];
  /** Pod ranges; a destination in them that no in-mesh chain allows is refused, egress on or off. */
  readonly inMeshCidrs: readonly string[];
  readonly envoyLogLevel: EnvoyLogLevel;
  readonly sidecarResources: SidecarResources;
}

/** Kubernetes quantities as users wrote them. */
export interface SidecarResources {
  readonly cpuRequest?: string;
  readonly memoryRequest?: string;
  readonly memoryLimit?: string;
}

/** A key whose value cannot be used, in words for the person who wrote it. */
export interface ConfigProblem {
  readonly key: string;
  readonly message: string;
}

/** What an osm-config says, and what of it cannot be used. */
export interface OsmConfig {
  /** The switch; undefined where its value is missing or not a boolean. */
  readonly egress: boolean | undefined;
  readonly settings: MeshSettings;
  /** The switch's problem first. */
  readonly problems: readonly ConfigProblem[];
}

export const envoyLogLevels = ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"] as const;
export type EnvoyLogLevel = (typeof envoyLogLevels)[number];

/** Longest part of a bad value that is repeated to its author. */
const maxQuotedLength = 64;

export const defaultSettings: MeshSettings = {
  permissive: false,
  outboundCidrExclusions: [],
  outboundPortExclusions: [],
  inMeshCidrs: [],
  envoyLogLevel: "error",
  sidecarResources: {},
};

/**
 * Reads osm-config's data, each key on its own: a key that cannot be used keeps its last good value, so that a typing
 * error elsewhere never stands in the way of somebody who turns egress off.
 *
 * @param data  undefined where the object has none; other keys are Open Service Mesh's own and are left alone
 * @param last      what the mesh runs now
 * @param services  what exclusions must keep out of
 */
export function parseOsmConfig(
  data: Readonly<Record<string, string>> | undefined,
  last: MeshSettings = defaultSettings,
  services: ServiceRange = noServiceRange,
): OsmConfig {
  const problems: ConfigProblem[] = [];

  function read<T>(key: string, whenMissing: T, whenBad: T, parse: (text: string) => T | Bad): T {
    // Without any data nobody has said anything: what the mesh runs stays as it is.
    if (data === undefined) return whenBad;
    const text = data[key];
    if (text === undefined) return whenMissing;
    const parsed = parse(text);
    if (!(parsed instanceof Bad)) return parsed;
    problems.push({ key, message: `${key}: must be ${parsed.wanted}, got ${quoted(parsed.got)}` });
    return whenBad;
  }

  const egress = read<boolean | undefined>("egress", undefined, undefined, boolean);
  if (egress === undefined && problems.length === 0) {
    problems.push({ key: "egress", message: `egress: is missing; must be ${wantedBoolean}` });
  }
  const standard = defaultSettings;
  const exclusions = (text: string) => captured(cidrs(text), services);
  const settings: MeshSettings = {
    permissive: read("permissive_traffic_policy_mode", standard.permissive, last.permissive, boolean),
    outboundCidrExclusions: read("outbound_ip_range_exclusion_list", [], last.outboundCidrExclusions, exclusions),
    outboundPortExclusions: read("outbound_port_exclusion_list", [], last.outboundPortExclusions, portNumbers),
    inMeshCidrs: read("in_mesh_ip_ranges", [], last.inMeshCidrs, cidrs),
    envoyLogLevel: read("envoy_log_level", standard.envoyLogLevel, last.envoyLogLevel, logLevel),
    sidecarResources: compact({
      cpuRequest: read("sidecar_cpu_request", undefined, last.sidecarResources.cpuRequest, quantity),
      ...fitting(data, last.sidecarResources, problems, {
        memoryRequest: read("sidecar_memory_request", undefined, last.sidecarResources.memoryRequest, quantity),
        memoryLimit: read("sidecar_memory_limit", undefined, last.sidecarResources.memoryLimit, quantity),
      }),
    }),
  };
  return { egress, settings, problems };
}

interface Memory {
  readonly memoryRequest: string | undefined;
  readonly memoryLimit: string | undefined;
}

/** Every new pod of the mesh would be refused with a request above its limit, so the two are good or bad together. */
function fitting(
  data: Readonly<Record<string, string>> | undefined,
  last: SidecarResources,
  problems: ConfigProblem[],
  memory: Memory,
): Memory {
  if (fits(memory)) return memory;
  const { memoryRequest, memoryLimit } = withDefaults(memory);
  const key = data?.["sidecar_memory_request"] === undefined ? "sidecar_memory_limit" : "sidecar_memory_request";
  const message = `${key}: the memory request (${memoryRequest}) must not be above the limit (${memoryLimit})`;
  problems.push({ key, message });
  const before = { memoryRequest: last.memoryRequest, memoryLimit: last.memoryLimit };
  return fits(before) ? before : { memoryRequest: undefined, memoryLimit: undefined };
}

function fits(memory: Memory): boolean {
  const { memoryRequest, memoryLimit } = withDefaults(memory);
  return !isAbove(memoryRequest, memoryLimit);
}

function withDefaults({ memoryRequest, memoryLimit }: Memory) {
  const standard = injectionDefaults.sidecarResources;
  return { memoryRequest: memoryRequest ?? standard.memoryRequest, memoryLimit: memoryLimit ?? standard.memoryLimit };
}

/** A text that is not what it must be. */
class Bad {
  readonly wanted: string;
  readonly got: string;
  constructor(wanted: string, got: string) {
    this.wanted = wanted;
    this.got = got;
  }
}

const wantedBoolean = `a boolean, one of ${booleanSpellings.join(" ")}`;

function boolean(text: string): boolean | Bad {
  return parseBoolean(text) ?? new Bad(wantedBoolean, text);
}

function logLevel(text: string): EnvoyLogLevel | Bad {
  return envoyLogLevels.find((level) => level === text) ?? new Bad(`one of ${envoyLogLevels.join(" ")}`, text);
}

function quantity(text: string): string | undefined | Bad {
  return quantityValue(text) === undefined ? new Bad("a quantity such as 100m or 128Mi", text) : text;
}

function cidrs(text: string): readonly string[] | Bad {
  const parsed = parseCidrs(text);
  return "items" in parsed ? parsed.items : new Bad(parsed.wanted, parsed.bad);
}

/** In-mesh traffic goes to addresses of Services, and must not get past the sidecar. */
function captured(parsed: readonly string[] | Bad, services: ServiceRange): readonly string[] | Bad {
  if (parsed instanceof Bad) return parsed;
  const reaching = parsed.find((cidr) => reachesServices(cidr, services));
  if (reaching === undefined) return parsed;
  const range = services.cidrs.join(", ");
  return new Bad(
    `outside the cluster's Service range ${range}, or in-mesh traffic gets past the sidecar (a Service outside the mesh may be named, by its address as /32)`,
    reaching,
  );
}

function portNumbers(text: string): readonly number[] | Bad {
  const parsed = parsePorts(text);
  return "items" in parsed ? parsed.items : new Bad(parsed.wanted, parsed.bad);
}

function compact(resources: { readonly [K in keyof SidecarResources]-?: string | undefined }): SidecarResources {
  return Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined));
}

/** The text as a JSON string, so that blanks show, cut to a bearable length. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > maxQuotedLength ? `${text.slice(0, maxQuotedLength)}…` : text);
}
