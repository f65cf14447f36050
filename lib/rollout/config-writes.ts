import { isDeepStrictEqual } from "node:util";
import { maxFencing } from "../mesh/fencing.ts";
import { sidecarFiles } from "../mesh/names.ts";
import { sidecarConfigName } from "../mesh/sidecar-config-name.ts";
import {
  type Account,
  accountKey,
  type MeshObservation,
  type ObservedPod,
  type SidecarConfigMap,
} from "./observation.ts";
import type { Wanted, WantedConfig } from "./wanted.ts";

/** What a pass must write besides status and pods; only the holder of the Lease may. */
export interface ConfigWrites {
  readonly apply: readonly ConfigMapWrite[];
  readonly injection: boolean;
  /** The Lease is missing, or its holder died: the next number goes onto every ConfigMap, changed or not. */
  readonly restamp: boolean;
}

export interface ConfigMapWrite extends WantedConfig {
  readonly name: string;
  /** The bytes differ, so pods must look; otherwise only the fencing number is new. */
  readonly changesFiles: boolean;
  /** Of one that somebody has made immutable, its resourceVersion: it can only be deleted, as it was seen, and made anew. */
  readonly replaces?: string;
}

/**
 * Nothing to write makes three empty fields; every other case takes the Lease.
 *
 * @param leaving  ConfigMaps that are to be deleted, and so left alone
 * @param held     `namespace/name` of ConfigMaps that are altered, and left so for now
 */
export function configWrites(
  seen: MeshObservation,
  wanted: Wanted,
  held: ReadonlySet<string>,
  leaving: readonly SidecarConfigMap[] = [],
): ConfigWrites {
  const restamp = leaseIsBroken(seen);
  const existing = new Map(seen.configMaps.map((map) => [`${map.namespace}/${map.name}`, map]));
  const apply: ConfigMapWrite[] = [];
  const left = new Set(leaving.map((map) => `${map.namespace}/${map.name}`));
  for (const { account, config, proof } of wanted.configs.values()) {
    const name = sidecarConfigName(account.name);
    const key = `${account.namespace}/${name}`;
    if (left.has(key) || held.has(key)) continue;
    const map = existing.get(key);
    const changesFiles = differs(map, config.files);
    // Settings without an effect on the bytes yet (permissive, and no Service) are what is kept if the next are bad.
    const isOther = changesFiles || !isDeepStrictEqual(map?.settings, wanted.running);
    const replaces = map?.immutable === true ? { replaces: map.resourceVersion } : {};
    const isAltered = map?.immutable === true || map?.writers !== undefined;
    if (isOther || isAltered || restamp) {
      apply.push({ account, config, name, changesFiles, ...replaces, ...(proof === undefined ? {} : { proof }) });
    }
  }
  return { apply, injection: injectionDiffers(seen, wanted), restamp };
}

export function isEmpty(writes: ConfigWrites): boolean {
  return writes.apply.length === 0 && !writes.injection && !writes.restamp;
}

/** What is none that anything could be written with was noted by nobody of ours. */
function notedNumber({ rollout }: MeshObservation): number {
  const noted = rollout?.status.fencing ?? 0;
  return Number.isInteger(noted) && noted > 0 && noted <= maxFencing ? noted : 0;
}

/** The highest number that is known of. */
export function highestFencing(seen: MeshObservation): number {
  return Math.max(notedNumber(seen), seen.lease?.transitions ?? 0, ...seen.configMaps.map((map) => map.fencing));
}

/** More than passes take the Lease, by far, before one of them writes to every ConfigMap. */
const unwrittenNumbers = 1_000;

/**
 * The number that the next holder must exceed. A Lease that is gone may have given out higher ones than any ConfigMap shows:
 * who holds one of them, and has written nothing yet, must be below all that come.
 */
export function numberToExceed(seen: MeshObservation): number {
  const highest = highestFencing(seen);
  return seen.lease === undefined && highest > 0 ? highest + unwrittenNumbers : highest;
}

/** A namespace is labelled after its ConfigMaps are there: until then nobody may take them for left over. */
const orphanAfterMs = 120_000;

/** ConfigMaps of accounts that are no longer in the mesh and that no pod mounts any more. */
export function orphans(
  seen: MeshObservation,
  pods: readonly ObservedPod[],
  nowMs: number,
): readonly SidecarConfigMap[] {
  const accounts = new Set(seen.accounts.map(accountKey));
  const mounted = new Set(pods.map((pod) => `${pod.namespace}/${pod.configMap}`));
  return seen.configMaps.filter(
    (map) =>
      nowMs - map.createdAtMs > orphanAfterMs &&
      !accounts.has(accountKey({ namespace: map.namespace, name: map.account })) &&
      !mounted.has(`${map.namespace}/${map.name}`),
  );
}

/** Accounts of the mesh's pods without a ConfigMap, also of namespaces that have left it; a pod that is going starts nothing any more. */
export function unknownAccounts(wanted: Wanted, pods: readonly ObservedPod[]): readonly Account[] {
  return pods
    .filter((pod) => !pod.terminating)
    .map((pod) => ({ namespace: pod.namespace, name: pod.account }))
    .filter((account) => !wanted.configs.has(accountKey(account)));
}

export function leaseIsBroken(seen: MeshObservation): boolean {
  return seen.lease === undefined || (seen.lease.holder !== "" && seen.lease.expired);
}

function differs(map: SidecarConfigMap | undefined, files: WantedConfig["config"]["files"]): boolean {
  return map === undefined || sidecarFiles.some((file) => map.files[file] !== files[file]);
}

function injectionDiffers(seen: MeshObservation, wanted: Wanted): boolean {
  const { meshName: _, images: __, ...spec } = seen.injection ?? {};
  return !isDeepStrictEqual(spec, wanted.injection);
}
