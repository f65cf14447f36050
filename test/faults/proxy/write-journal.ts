import { annotations } from "#lib/mesh/names.ts";
import { type StepName, stepOf } from "./api-step.ts";
import type { Exchange } from "./fault.ts";

/** A write that reached the API server, as the proxy saw it answered. */
export interface Write {
  readonly atMs: number;
  /** Who sent it. */
  readonly process: string;
  readonly step: StepName;
  /** Path below `/api/v1` or `/apis/GROUP/VERSION`. */
  readonly object: string;
  /** The fencing number that it carries, or that its process took the Lease with last; 0 before. */
  readonly number: number;
  /** Of a sidecar ConfigMap: the digest of its bytes. */
  readonly digest: string | undefined;
  /** Of the taking of a Lease: whose. */
  readonly holder: string | undefined;
  readonly isTaken: boolean;
  readonly status: number;
}

interface Body {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly leaseTransitions?: number; readonly holderIdentity?: string };
}

/** Every write with its process, step and fencing number: lost and twice are counted from it. */
export function writesIn(exchanges: readonly Exchange[]): readonly Write[] {
  const numbers = new Map<string, number>();
  return exchanges.flatMap((exchange): Write[] => {
    const { method, path, identity, status, atMs } = exchange;
    if (method === "GET" || status === undefined) return [];
    const step = stepOf(exchange);
    const { metadata, spec } = JSON.parse(exchange.body || "{}") as Body;
    const isTaken = status < 300;
    if (step === "take Lease" && isTaken) numbers.set(identity, spec?.leaseTransitions ?? 0);
    const fencing = metadata?.annotations?.[annotations.fencing];
    return [
      {
        atMs,
        process: identity,
        step,
        object: path.replace(/^\/api\/v1\/|^\/apis\/[^/]+\/[^/]+\//, ""),
        number: fencing === undefined ? (numbers.get(identity) ?? 0) : Number(fencing),
        digest: metadata?.annotations?.[annotations.digest],
        holder: step === "take Lease" ? spec?.holderIdentity : undefined,
        isTaken,
        status,
      },
    ];
  });
}

/** Changes of sidecar ConfigMaps' bytes that were taken, as `object digest`; one that repeats the bytes is none. */
export function changesIn(writes: readonly Write[], before: ReadonlyMap<string, string>): readonly string[] {
  const now = new Map(before);
  return writes.flatMap(({ step, object, digest = "", isTaken }) => {
    if (step !== "write ConfigMap" || !isTaken || now.get(object) === digest) return [];
    now.set(object, digest);
    return [`${object} ${digest}`];
  });
}

/**
 * What may never happen, in words: a ConfigMap takes a number below its own; a number is given to two holders; a ConfigMap
 * whose bytes are right is written again by a pass that did not find the Lease broken.
 *
 * @param before  digests at the start, by object
 * @param broken  numbers that were taken of a dead holder's Lease
 */
export function breachesIn(
  writes: readonly Write[],
  before: ReadonlyMap<string, string>,
  broken: ReadonlySet<number>,
): readonly string[] {
  const found: string[] = [];
  const numbers = new Map<string, number>();
  const digests = new Map(before);
  const holders = new Map<number, string>();
  for (const { step, object, number, digest = "", isTaken, holder, process } of writes) {
    if (!isTaken) continue;
    if (step === "take Lease" && holder !== undefined) {
      if ((holders.get(number) ?? holder) !== holder) found.push(`${number} was given to two`);
      holders.set(number, holder);
    }
    if (step !== "write ConfigMap") continue;
    if (number < (numbers.get(object) ?? 0)) found.push(`${process} wrote ${object} with ${number}, which is older`);
    if (digests.get(object) === digest && !broken.has(number)) found.push(`${process} wrote ${object} again`);
    numbers.set(object, number);
    digests.set(object, digest);
  }
  return found;
}

/** Numbers that were taken of a Lease that its holder had not released: their pass stamps every ConfigMap anew. */
export function takenOfTheDead(writes: readonly Write[]): ReadonlySet<number> {
  const found = new Set<number>();
  let current = { number: Number.POSITIVE_INFINITY, holder: "" };
  for (const { step, isTaken, number, holder = "" } of writes) {
    if (!isTaken || (step !== "take Lease" && step !== "release Lease")) continue;
    if (number > current.number && current.holder !== "") found.add(number);
    current = { number, holder };
  }
  return found;
}
