import { sidecarConfig } from "../../envoy/sidecar-config.ts";
import { annotations, sidecarFiles } from "../../mesh/names.ts";
import { sidecarConfigName } from "../../mesh/sidecar-config-name.ts";
import type { SidecarPolicy } from "../../mesh/sidecar-policy.ts";
import { leaseIsBroken } from "../config-writes.ts";
import type { MeshObservation, ObservedPod, SidecarConfigMap } from "../observation.ts";
import { runningSidecars, startResolutionMs } from "../pod-checks.ts";
import type { Target } from "../status.ts";
import type { Wanted, WantedConfig } from "../wanted.ts";
import type { DriftAction } from "./drift-status.ts";
import { type Finding, maxTextLength } from "./finding.ts";

/** A sidecar ConfigMap that is not what the reconciler left there. */
export interface ConfigDrift {
  /** `namespace/name`. */
  readonly key: string;
  readonly finding: Finding;
  /** Altered bytes that call themselves the wanted version: a sidecar that runs them cannot be told from one that is right. */
  readonly isForged: boolean;
}

/**
 * ConfigMaps that somebody has altered: by what the object says of its writers, and where the mesh had arrived at what is
 * wanted, by its content alone. One that is behind because a change is on its way is not among them.
 *
 * @param isUntouched  whoever looks has written nothing yet that the status does not tell of
 */
export function alteredConfigs(
  seen: MeshObservation,
  wanted: Wanted,
  { nowMs, isUntouched }: { readonly nowMs: number; readonly isUntouched: boolean },
): readonly ConfigDrift[] {
  const existing = new Map(seen.configMaps.map((map) => [`${map.namespace}/${map.name}`, map]));
  const arrived = isUntouched && arrivedAtMs(seen, wanted) !== undefined;
  const left = (seen.rollout?.status.drift?.findings ?? []).filter(({ action }) => leftAlone.has(action));
  const known = new Set(left.map(({ object }) => object));
  return [...wanted.configs.values()].flatMap((config) => {
    const key = keyOf(config);
    const map = existing.get(key);
    if (map === undefined) return [];
    if (isProof(map, wanted.policy)) return [];
    const isKnown = arrived || known.has(`ConfigMap ${key}`);
    const fields = alteredFields(map, config).filter((field) => isKnown || isForeign(map, field));
    if (fields.length === 0) return [];
    return [
      {
        key,
        finding: alteration(map, config, fields, { seen, nowMs }),
        isForged: isForged(map, fields, config.config.digest),
      },
    ];
  });
}

/**
 * ConfigMaps that are gone although sidecars run with them: an account that is new has none of these.
 *
 * @param writtenMs  sidecars that started after it may run with what has been written since
 */
export function missingConfigs(
  seen: MeshObservation,
  wanted: Wanted,
  pods: readonly ObservedPod[],
  { nowMs, writtenMs = nowMs }: { readonly nowMs: number; readonly writtenMs?: number | undefined },
): readonly ConfigDrift[] {
  const existing = new Set(seen.configMaps.map((map) => `${map.namespace}/${map.name}`));
  const used = new Set(
    runningSidecars(pods)
      .filter(({ sidecarStartedAtMs = 0 }) => sidecarStartedAtMs + startResolutionMs < writtenMs)
      .map((pod) => `${pod.namespace}/${pod.configMap}`),
  );
  return [...wanted.configs.values()].flatMap((config) => {
    const key = keyOf(config);
    if (existing.has(key) || !used.has(key)) return [];
    const finding: Finding = {
      object: `ConfigMap ${key}`,
      field: "",
      wanted: `version ${config.config.digest}`,
      found: "nothing",
      since: { ...knownRight(seen), before: iso(nowMs) },
    };
    return [{ key, finding, isForged: false }];
  });
}

/** Found by an earlier pass, and not written back since. */
const leftAlone: ReadonlySet<DriftAction> = new Set(["BackingOff", "Detected"]);

/**
 * When what is wanted was last found to run everywhere, so that every ConfigMap held it then.
 *
 * @returns undefined while it is on its way, or a pass may have been killed under way
 */
export function arrivedAtMs(seen: MeshObservation, wanted: Wanted): number | undefined {
  const { target, lastGood, startedAt = "" } = seen.rollout?.status ?? {};
  if (leaseIsBroken(seen) || !isSameTarget(target, wanted.target) || !isSameTarget(lastGood, wanted.target))
    return undefined;
  const verifiedMs = Date.parse(lastGood?.verifiedAt ?? "");
  // A switch that went there and back is on its way again.
  return verifiedMs >= Date.parse(startedAt) ? verifiedMs : undefined;
}

function isSameTarget(left: Target | undefined, right: Target): boolean {
  return left?.digest === right.digest && left.egress === right.egress;
}

/** The very bytes that are wanted, under the version that they had for a while. */
function isProof({ proof, files, immutable }: SidecarConfigMap, policy: SidecarPolicy): boolean {
  if (proof === undefined || immutable) return false;
  const rendered = sidecarConfig(policy, proof).files;
  return sidecarFiles.every((file) => files[file] === rendered[file]);
}

function isForged(map: SidecarConfigMap, fields: readonly string[], digest: string): boolean {
  const files = sidecarFiles.filter((file) => fields.includes(`data.${file}`));
  return files.length > 0 && files.every((file) => versionOf(map.files[file]) === digest);
}

const maxFieldLength = 256;

const metadataFields = [annotations.digest, annotations.settings, annotations.fencing].map(
  (key) => `metadata.annotations.${key}`,
);

/** Fields of the reconciler's that hold something else, files first. */
function alteredFields(map: SidecarConfigMap, { config }: WantedConfig): readonly string[] {
  return [
    ...sidecarFiles.filter((file) => map.files[file] !== config.files[file]).map((file) => `data.${file}`),
    ...(map.immutable ? ["immutable"] : []),
    ...metadataFields.filter((field) => isForeign(map, field)),
  ];
}

function isForeign(map: SidecarConfigMap, field: string): boolean {
  return field === "immutable" || map.writers?.[field] !== undefined;
}

function alteration(
  map: SidecarConfigMap,
  { config }: WantedConfig,
  fields: readonly string[],
  { seen, nowMs }: { readonly seen: MeshObservation; readonly nowMs: number },
): Finding {
  const writer = fields.map((field) => map.writers?.[field]).find((it) => it !== undefined);
  const after = map.appliedAt ?? knownRight(seen).after;
  return {
    object: `ConfigMap ${map.namespace}/${map.name}`,
    field: fields.join(", ").slice(0, maxFieldLength),
    ...quoted(fields[0] ?? "", map, config.digest),
    ...(writer === undefined ? {} : { by: writer.manager }),
    since: { ...(after === undefined ? {} : { after }), before: writer?.at ?? iso(nowMs) },
  };
}

function quoted(field: string, map: SidecarConfigMap, digest: string): Pick<Finding, "wanted" | "found"> {
  if (field === "immutable") return { wanted: "false", found: "true" };
  const file = sidecarFiles.find((name) => field === `data.${name}`);
  if (file === undefined) return { wanted: "as the reconciler wrote it", found: "written by another" };
  return { wanted: `version ${digest}`, found: contentOf(map.files[file], digest) };
}

function contentOf(text: string | undefined, digest: string): string {
  if (text === undefined) return "nothing";
  const version = versionOf(text);
  if (version === undefined) return `${text.length} characters without a version`;
  // Sidecars would report it as what they must run.
  if (version === digest) return "other bytes under the same version";
  return `version ${version}`.slice(0, maxTextLength).toWellFormed();
}

/** Of a file of a sidecar's ConfigMap: the version that it calls itself. */
export function versionOf(text = ""): string | undefined {
  return /"version_info"\s*:\s*"([^"]*)"/.exec(text)?.[1];
}

/** As late as it is known: the last check, or the last time that every sidecar was verified. */
function knownRight(seen: MeshObservation): Pick<Finding["since"], "after"> {
  const { drift, lastGood } = seen.rollout?.status ?? {};
  const after = [drift?.checkedAt, lastGood?.verifiedAt]
    .filter((it) => it !== undefined)
    .sort()
    .at(-1);
  return after === undefined ? {} : { after };
}

function keyOf({ account }: WantedConfig): string {
  return `${account.namespace}/${sidecarConfigName(account.name)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
