import { objectChanged } from "#lib/events/hint-event.ts";
import { startDelivery } from "#lib/forwarder/delivery.ts";
import { openLedger } from "#lib/forwarder/ledger.ts";
import { bucketMs, dueMs, offer, type Step as PaceStep, podBucketMs, startPace, tick } from "#lib/forwarder/pace.ts";
import type { SeenObject } from "#lib/forwarder/seen-object.ts";
import type { WatchedKind } from "#lib/forwarder/watched.ts";
import type { Seen } from "#lib/kube/watch.ts";
import type { Clock } from "../scripted/clock.ts";
import type { ScriptedBus } from "./bus.ts";
import { awsUnavailable, type Process } from "./process.ts";

type Change = NonNullable<ReturnType<ReturnType<typeof openLedger>["see"]>>;

const kinds: readonly WatchedKind[] = ["ConfigMap", "Namespace", "ServiceAccount", "Service", "Pod"];
const listMs = 20;
const relistMs = 1_000;
const osmConfig: Change = { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" };

/** What the API server would send to one that watches now. */
export type Listed = (kind: WatchedKind) => readonly SeenObject[];

/** One life of the forwarder: its ledger, its pace and its delivery as they are, over scripted watches. */
export class ScriptedForwarder {
  readonly #clock: Clock;
  readonly #process: Process;
  readonly #ledger = openLedger(osmConfig);
  readonly #delivery: ReturnType<typeof startDelivery>;
  #pace;

  constructor(clock: Clock, process: Process, bus: ScriptedBus, listed: Listed) {
    this.#clock = clock;
    this.#process = process;
    this.#pace = startPace<Change>(kinds, osmConfig, clock.nowMs());
    this.#delivery = startDelivery(
      (events) =>
        process.step(
          "PutEvents",
          "OSM Object Changed",
          async () => {
            bus.put(events);
            return [];
          },
          awsUnavailable,
        ),
      () => undefined,
      () => undefined,
      (ms) => process.sleep(ms),
    );
    this.#take(tick(this.#pace, clock.nowMs()));
    for (const kind of kinds) void this.#list(kind, listed);
  }

  async #list(kind: WatchedKind, listed: Listed): Promise<void> {
    try {
      const objects = await this.#process.step("list", kind, async () => {
        await this.#clock.sleep(listMs);
        return listed(kind);
      });
      this.#see(kind, { kind: "listed", objects });
    } catch {
      await this.#process.sleep(relistMs);
      await this.#list(kind, listed);
    }
  }

  /** The watch tells; a frozen forwarder hears of it when it goes on, a dead one never. */
  hear(kind: WatchedKind, seen: Seen<SeenObject>): void {
    void this.#process.alive().then(() => this.#see(kind, seen));
  }

  get waiting(): number {
    return this.#delivery.figures().waiting;
  }

  #see(kind: WatchedKind, seen: Seen<SeenObject>): void {
    const change = this.#ledger.see(kind, seen);
    if (change === undefined) return;
    const waitMs = kind === "Pod" ? podBucketMs(this.#ledger.size) : bucketMs;
    const listed = seen.kind === "listed";
    const arrival = { watch: kind, listed, urgent: kind === "ConfigMap", bucketMs: waitMs, change };
    this.#take(offer(this.#pace, arrival, this.#clock.nowMs()));
  }

  #take(step: PaceStep<Change>): void {
    this.#pace = step.pace;
    for (const { change, urgent } of step.send) {
      const { resourceVersion, actor, ...object } = change;
      const time = new Date(this.#clock.nowMs()).toISOString();
      const more = {
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(actor === undefined ? {} : { actor }),
      };
      this.#delivery.post(objectChanged({ id: "m", version: 1, cluster: "shop", time }, { object, ...more }), urgent);
    }
    const due = dueMs(this.#pace);
    if (due === undefined) return;
    void this.#process.sleep(due - this.#clock.nowMs()).then(() => this.#take(tick(this.#pace, this.#clock.nowMs())));
  }
}
