import { annotations, sidecarFiles } from "../../mesh/names.ts";
import { sidecarConfigName } from "../../mesh/sidecar-config-name.ts";
import type { MeshObservation, ObservedPod, SidecarConfigMap } from "../observation.ts";
import { runningSidecars, startResolutionMs } from "../pod-checks.ts";
import { conditionOf } from "../status.ts";
import type { Wanted, WantedConfig } from "../wanted.ts";
import { type Finding, maxTextLength } from "./finding.ts";

/** A sidecar ConfigMap that is not what the reconciler left there. */
export interface ConfigDrift {
  /** `namespace/name`. */
  readonly key: string;
  readonly finding: Finding;
  /** Nothing is there any more; what runs with it still runs what it had. */
  readonly isMissing: boolean;
}

/**
 * ConfigMaps that somebody has altered: by what the object says of its writers, and where the mesh had arrived at what is
 * wanted, by its content alone. One that is behind because a change is on its way is not among them.
 */
export function alteredConfigs(seen: MeshObservation, wanted: Wanted, nowMs: number): readonly ConfigDrift[] {
  const existing = new Map(seen.configMaps.map((map) => [`${map.namespace}/${map.name}`, map]));
  const arrived = hasArrived(seen, wanted);
  const known = new Set((seen.rollout?.status.drift?.findings ?? []).map(({ object }) => object));
  return [...wanted.configs.values()].flatMap((config) => {
    const key = keyOf(config);
    const map = existing.get(key);
    if (map === undefined) return [];
    const isKnown = arrived || known.has(`ConfigMap ${key}`);
    const fields = alteredFields(map, config).filter((field) => isKnown || isForeign(map, field));
    if (fields.length === 0) return [];
    return [{ key, finding: alteration(map, config, fields, { seen, nowMs }), isMissing: false }];
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
    return [{ key, finding, isMissing: true }];
  });
}

/** What is wanted was found to run everywhere, so every ConfigMap held it then. */
export function hasArrived(seen: MeshObservation, wanted: Wanted): boolean {
  const { target, conditions } = seen.rollout?.status ?? {};
  return (
    target?.digest === wanted.target.digest &&
    target.egress === wanted.target.egress &&
    conditionOf({ ...(conditions ? { conditions } : {}) }, "Converged")?.status === "True"
  );
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
  const version = /"version_info":"([^"]*)"/.exec(text)?.[1];
  if (version === undefined) return `${text.length} characters without a version`;
  // Sidecars would report it as what they must run.
  if (version === digest) return "other bytes under the same version";
  return `version ${version}`.slice(0, maxTextLength).toWellFormed();
}

/** As late as it is known: the last check, or the last time that every sidecar was verified. */
function knownRight(seen: MeshObservation): Pick<Finding["since"], "after"> {
  const { drift, convergedAt } = seen.rollout?.status ?? {};
  const after = [drift?.checkedAt, convergedAt]
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
