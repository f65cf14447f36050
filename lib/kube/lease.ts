import { maxLeaseSeconds } from "../mesh/fencing.ts";
import { annotations, leaseName } from "../mesh/names.ts";
import type { HeldLease } from "../reconcile/ports.ts";
import type { ObservedLease } from "../rollout/observation.ts";
import type { KubeConnection, KubeRequest, KubeResponse } from "./connection.ts";
import { failure, read } from "./objects.ts";

type LeaseTimes = Pick<ObservedLease, "renewTime" | "seconds">;

/** One pass as a holder. */
export interface LeaseTerms {
  /** Unique per pass. */
  readonly holder: string;
  /** How long its Lease is good without being renewed; at most, and by default, `maxLeaseSeconds`. */
  readonly seconds?: number | undefined;
}

interface RawLease {
  readonly metadata: { readonly resourceVersion: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseTransitions?: number;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

/** The API server's clock, learnt from its answers: ours may be wrong, and the server's is the same for all holders. */
export class ServerClock {
  #aheadMs = 0;

  learn(response: KubeResponse): void {
    if (response.serverTimeMs !== undefined) this.#aheadMs = response.serverTimeMs - Date.now();
  }

  nowMs(): number {
    return Date.now() + this.#aheadMs;
  }

  /** A time of the API server's, by this machine's clock: what the pass measures with. */
  hereMs(serverMs: number): number {
    return serverMs - this.#aheadMs;
  }
}

export async function readLease(
  connection: KubeConnection,
  namespace: string,
  clock: ServerClock,
): Promise<ObservedLease | undefined> {
  const request: KubeRequest = { method: "GET", path: leasePath(namespace) };
  const response = await connection.send(request);
  clock.learn(response);
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw failure(request, response);
  const { metadata, spec = {} } = JSON.parse(response.text) as RawLease;
  return {
    resourceVersion: metadata.resourceVersion,
    holder: spec.holderIdentity ?? "",
    transitions: spec.leaseTransitions ?? 0,
    renewTime: spec.renewTime,
    seconds: spec.leaseDurationSeconds,
    expired: isExpired(spec, clock.nowMs()),
  };
}

/** What stands in a Lease is its holder's word: nobody keeps it for longer by a longer duration, or a time to come. */
function isExpired(
  { renewTime = "1970-01-01T00:00:00Z", leaseDurationSeconds = maxLeaseSeconds }: NonNullable<RawLease["spec"]>,
  nowMs: number,
): boolean {
  const silentMs = nowMs - Date.parse(renewTime);
  // API servers' clocks differ, by less than this.
  const isLikely = silentMs >= -maxLeaseSeconds * 1000;
  return !isLikely || silentMs > Math.min(leaseDurationSeconds, maxLeaseSeconds) * 1000;
}

/** The Lease of one pass; every write is conditional on the resourceVersion that it knows. */
export class Lease {
  readonly #connection: KubeConnection;
  readonly #namespace: string;
  readonly #holder: string;
  readonly #seconds: number;
  readonly #clock: ServerClock;

  constructor(
    connection: KubeConnection,
    namespace: string,
    { holder, seconds = maxLeaseSeconds }: LeaseTerms,
    clock: ServerClock,
  ) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#holder = holder;
    this.#seconds = seconds;
    this.#clock = clock;
  }

  /** @returns undefined when somebody else was faster */
  async take(seen: ObservedLease | undefined, atLeast: number): Promise<HeldLease | undefined> {
    const number = Math.max(seen?.transitions ?? 0, atLeast) + 1;
    const response = seen
      ? await this.#replace(seen.resourceVersion, this.#holder, number)
      : await this.#create(number);
    return response === "conflict" ? undefined : this.#held(response, number);
  }

  /**
   * Leaves the times as they are: a mark is no sign of life, and a dead holder's Lease must expire however many events mark
   * it, but no sooner.
   *
   * @returns false when the Lease has changed since it was seen
   */
  async mark(seen: ObservedLease): Promise<boolean> {
    const { resourceVersion, holder, transitions } = seen;
    return (await this.#replace(resourceVersion, holder, transitions, true, seen)) !== "conflict";
  }

  async renew(lease: HeldLease): Promise<HeldLease | "lost"> {
    const response = await this.#replace(lease.resourceVersion, this.#holder, lease.number, lease.marked);
    if (response !== "conflict") return this.#held(response, lease.number);
    const now = await readLease(this.#connection, this.#namespace, this.#clock);
    if (now?.holder !== this.#holder || now.transitions !== lease.number) return "lost";
    // Only a mark: keep it by renewing on top of it, so that the release finds it.
    const again = await this.#replace(now.resourceVersion, this.#holder, lease.number, true);
    return again === "conflict" ? "lost" : this.#held(again, lease.number);
  }

  async release(lease: HeldLease): Promise<"released" | "marked" | "lost"> {
    const response = await this.#replace(lease.resourceVersion, "", lease.number);
    if (response !== "conflict") return lease.marked ? "marked" : "released";
    const now = await readLease(this.#connection, this.#namespace, this.#clock);
    if (now?.holder !== this.#holder || now.transitions !== lease.number) return "lost";
    return (await this.#replace(now.resourceVersion, "", lease.number)) === "conflict" ? "lost" : "marked";
  }

  async #create(number: number): Promise<KubeResponse | "conflict"> {
    return this.#send({
      method: "POST",
      path: leasePath(this.#namespace, false),
      body: this.#object(undefined, this.#holder, number, false),
    });
  }

  async #replace(
    resourceVersion: string,
    holder: string,
    number: number,
    marked = false,
    times?: LeaseTimes,
  ): Promise<KubeResponse | "conflict"> {
    return this.#send({
      method: "PUT",
      path: leasePath(this.#namespace),
      body: this.#object(resourceVersion, holder, number, marked, times),
    });
  }

  async #send(request: KubeRequest): Promise<KubeResponse | "conflict"> {
    const response = await this.#connection.send(request);
    if (response.status === 409 || response.status === 404) return "conflict";
    if (response.status >= 300) throw failure(request, response);
    return response;
  }

  #object(
    resourceVersion: string | undefined,
    holder: string,
    number: number,
    marked: boolean,
    { renewTime, seconds }: LeaseTimes = { renewTime: microTime(this.#clock.nowMs()), seconds: this.#seconds },
  ) {
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: leaseName,
        namespace: this.#namespace,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(marked ? { annotations: { [annotations.lookAgain]: "true" } } : {}),
      },
      spec: {
        holderIdentity: holder,
        leaseTransitions: number,
        leaseDurationSeconds: seconds,
        renewTime,
      },
    };
  }

  #held(response: KubeResponse, number: number): HeldLease {
    const { metadata } = JSON.parse(response.text) as RawLease;
    return {
      number,
      resourceVersion: metadata.resourceVersion,
      renewedAtMs: Date.now(),
      goodForMs: this.#seconds * 1_000,
      marked: metadata.annotations?.[annotations.lookAgain] === "true",
    };
  }
}

/** As Leases have it: six digits of a second. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}

function leasePath(namespace: string, named = true): string {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return named ? `${collection}/${leaseName}` : collection;
}

/** @returns undefined when there is no Lease */
export async function leaseNumber(connection: KubeConnection, namespace: string): Promise<number | undefined> {
  const lease = await read<RawLease>(connection, leasePath(namespace));
  return lease && (lease.spec?.leaseTransitions ?? 0);
}
