import type { SQSEvent } from "aws-lambda";
import { driftCheckDue } from "#lib/events/hint-event.ts";
import type { SeenObject } from "#lib/forwarder/seen-object.ts";
import type { WatchedKind } from "#lib/forwarder/watched.ts";
import type { Clock } from "../scripted/clock.ts";
import type { ScriptedCluster } from "../scripted/cluster.ts";
import { ScriptedBus } from "./bus.ts";
import { deployed } from "./deployed.ts";
import { ScriptedForwarder } from "./forwarder.ts";
import { reconcileMessage } from "./function.ts";
import { Journal } from "./journal.ts";
import { calm, type Fault, type Faults, Process, type Seam, type Step } from "./process.ts";
import { type QueueOptions, ScriptedQueue } from "./queue.ts";

export interface SystemOptions {
  readonly faults?: Faults;
  readonly queue?: Partial<QueueOptions>;
  /** Of an event: how much later than usual it arrives, each time that it does. */
  readonly arrivals?: () => readonly number[];
  readonly hasSchedule?: boolean;
}

/** Until the kubelet has a forwarder running again. */
const forwarderBackMs = 3_000;
/** Nothing under way for so long: it is over. Longer than the forwarder's bucket, and than it is away. */
const quietMs = 5_000;
const patienceMs = 90 * 60_000;

/** Everything that is deployed, around one scripted cluster and in its time. */
export class System implements Seam {
  readonly cluster: ScriptedCluster;
  readonly clock: Clock;
  readonly journal = new Journal();
  readonly queue: ScriptedQueue;
  readonly bus: ScriptedBus;
  /** Every step that any process has come to. */
  readonly steps: Step[] = [];
  faults: Faults;
  readonly #living = new Set<Process>();
  #forwarder: ScriptedForwarder;
  #events = 0;
  #hasSchedule: boolean;
  #count = { pass: 0, forwarder: 0, schedule: 0 };

  constructor(cluster: ScriptedCluster, { faults = calm, queue, arrivals, hasSchedule = false }: SystemOptions = {}) {
    this.cluster = cluster;
    this.clock = cluster.clock;
    this.faults = faults;
    this.queue = new ScriptedQueue(this.clock, { ...deployed, ...queue }, (event) => this.#invoke(event));
    this.bus = new ScriptedBus(this.clock, (body) => this.queue.send(body), arrivals);
    this.#forwarder = this.#startForwarder();
    cluster.watchConfigMap = (map, before) => this.#note(map, before);
    this.#hasSchedule = hasSchedule;
    if (hasSchedule) this.clock.after(deployed.scheduleMs, () => this.#schedule());
  }

  begin(process: string, verb: string, object: string): { readonly step: Step; readonly fault: Fault | undefined } {
    const step = { index: this.steps.length, process, verb, object };
    this.steps.push(step);
    return { step, fault: this.faults(step) };
  }

  /** From here on counts; what has led here does not. */
  mark(): void {
    this.journal.clear();
    this.steps.length = 0;
  }

  /** The forwarder's watch tells of an object. */
  tell(kind: WatchedKind, name: string, change: "added" | "modified" | "deleted" = "modified"): void {
    this.#forwarder.hear(kind, { kind: change, object: this.#seen(name) });
  }

  setOsmConfig(data: Readonly<Record<string, string>> | undefined): void {
    this.cluster.setOsmConfig(data);
    this.tell("ConfigMap", "osm-config", data === undefined ? "deleted" : "modified");
  }

  /** The forwarder hears of the pod, and again when its sidecar runs. */
  addPod(namespace: string, name: string, account: string): void {
    const pod = this.cluster.addPod(namespace, name, account);
    this.tell("Pod", name, "added");
    const look = () => {
      if (pod.sidecarStartedAtMs === undefined) this.clock.after(250, look);
      else this.tell("Pod", name);
    };
    this.clock.after(250, look);
  }

  checkDrift(): void {
    const process = this.#process("schedule");
    const time = new Date(this.clock.nowMs()).toISOString();
    const event = driftCheckDue({ id: "drift", version: 1, cluster: "shop", time });
    this.#living.add(process);
    const gone = () => void this.#living.delete(process);
    void process.died.then(gone);
    // What fails is missed: the next one makes it good.
    process.step("PutEvents", event.detailType, async () => this.bus.put([event])).then(gone, gone);
  }

  /** Until nothing is under way any more. @throws Error when that does not come */
  async settle(): Promise<void> {
    const untilMs = this.clock.nowMs() + patienceMs;
    for (let quietSinceMs = this.clock.nowMs(); this.clock.nowMs() - quietSinceMs < quietMs; ) {
      if (this.clock.nowMs() > untilMs) throw new Error("the system does not come to rest");
      await this.clock.pass(200);
      if (!this.#isQuiet) quietSinceMs = this.clock.nowMs();
    }
  }

  get #isQuiet(): boolean {
    return this.bus.underWay === 0 && this.queue.size === 0 && this.#living.size === 0 && this.#forwarder.waiting === 0;
  }

  /** For a look at what is left: nothing comes any more that nobody asked for. */
  endSchedule(): void {
    this.#hasSchedule = false;
  }

  #schedule(): void {
    if (!this.#hasSchedule) return;
    this.checkDrift();
    this.clock.after(deployed.scheduleMs, () => this.#schedule());
  }

  #process(kind: "pass" | "forwarder" | "schedule"): Process {
    return new Process(`${kind}-${++this.#count[kind]}`, this);
  }

  #startForwarder(): ScriptedForwarder {
    const process = this.#process("forwarder");
    void process.died.then(async () => {
      await this.clock.sleep(forwarderBackMs);
      this.#forwarder = this.#startForwarder();
    });
    const listed = (kind: WatchedKind) => (kind === "ConfigMap" ? [this.#seen("osm-config")] : []);
    return new ScriptedForwarder(this.clock, process, this.bus, listed);
  }

  #seen(name: string): SeenObject {
    const resourceVersion = this.cluster.observe().osmConfig?.resourceVersion ?? "1";
    return { namespace: "shop", name, uid: `uid-${name}`, resourceVersion, mark: `${++this.#events}` };
  }

  async #invoke(event: SQSEvent): Promise<"done" | "failed" | "killed"> {
    const [record] = event.Records;
    if (!record) throw new Error("a delivery without a message");
    const process = this.#process("pass");
    const told = () => ({ atMs: this.clock.nowMs(), pass: process.name, message: record.messageId });
    const receiveCount = Number(record.attributes.ApproximateReceiveCount);
    this.journal.write({ kind: "delivered", ...told(), receiveCount });
    this.#living.add(process);
    const gone = () => this.#living.delete(process);
    const place = { cluster: this.cluster, journal: this.journal, queue: () => this.queue };
    const passing = reconcileMessage(event, process, place).finally(gone);
    void process.died.then(gone);
    const outcome = await Promise.race([passing, process.died, this.#timeout(process)]);
    this.journal.write({ kind: "ended", how: outcome, ...told() });
    return outcome === "done" && !this.#isDeleted(record.messageId) ? "failed" : outcome;
  }

  /** One that is frozen then goes on later all the same: whoever freezes it may wake it. */
  async #timeout(process: Process): Promise<"killed"> {
    await this.clock.sleep(deployed.functionTimeoutMs);
    if (!process.isFrozen) process.kill();
    return "killed";
  }

  /** What has been done with is to be deleted, and that may fail like everything else. */
  #isDeleted(message: string): boolean {
    const { fault } = this.begin("queue", "delete", message);
    return fault === undefined || ("when" in fault && fault.when === "after");
  }

  #note(...[map, before]: Parameters<ScriptedCluster["watchConfigMap"]>): void {
    if (map.writers !== undefined) return;
    const holder = this.journal.of("lease taken").findLast(({ fencing }) => fencing === map.fencing);
    this.journal.write({
      kind: "config written",
      atMs: this.clock.nowMs(),
      pass: holder?.pass ?? "nobody",
      object: `${map.namespace}/${map.name}`,
      fencing: map.fencing,
      egress: map.settings?.egress ?? false,
      isChange: JSON.stringify(before?.files) !== JSON.stringify(map.files),
    });
  }
}
