import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConnection } from "../kube/connection.ts";
import { mode } from "../mesh/mode.ts";
import { conditionOf, type RolloutStatus, unmetCondition } from "../rollout/status.ts";
import { laggingTable } from "./egress-status.ts";
import { CommandError } from "./failure.ts";
import type { Step } from "./progress.ts";
import { readRolloutStatus } from "./rollout-reader.ts";

const pollMs = 200;
/** Nobody has looked at the change by then: no forwarder, no function, or neither works. */
const takeUpMs = 15_000;

/** Waits for a change of osm-config to be everywhere. Polls the status: one small object, read by one person. */
export class RolloutWait {
  readonly #connection: KubeConnection;
  readonly #namespace: string;
  readonly #egress: boolean;
  readonly #endMs: number;
  /** Of osm-config after the change; a status that has seen an older one says nothing about it. */
  resourceVersion = "0";
  last: RolloutStatus = {};

  constructor(connection: KubeConnection, namespace: string, egress: boolean, timeoutMs: number) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#egress = egress;
    this.#endMs = Date.now() + timeoutMs;
  }

  /** Until every sidecar has answered and, for off, until the cut. */
  get steps(): readonly Step[] {
    const steps: Step[] = [
      { title: "taken up", run: () => this.#until((status) => isObserved(status, this.resourceVersion), takeUpMs) },
      {
        title: "sidecars verified",
        run: (say) => this.#until(isConverged, undefined, (status) => say(share(status))),
      },
    ];
    if (!this.#egress) steps.push({ title: "open egress connections cut", run: () => this.#until(isCut) });
    return steps;
  }

  /** What came of it, for standard output; the exit code becomes 3 if some sidecars did not answer. */
  report(): void {
    console.log(`egress is ${mode(this.#egress)}: ${share(this.last)} sidecars verified`);
    const lagging = this.last.lagging ?? [];
    if (lagging.length === 0) return;
    console.log(laggingTable(lagging));
    process.exitCode = 3;
  }

  async #until(
    reached: (status: RolloutStatus) => boolean,
    patienceMs?: number,
    onProgress: (status: RolloutStatus) => void = () => undefined,
  ): Promise<undefined> {
    const endMs = patienceMs === undefined ? this.#endMs : Math.min(this.#endMs, Date.now() + patienceMs);
    for (;;) {
      this.last = await readRolloutStatus(this.#connection, this.#namespace);
      const observed = isObserved(this.last, this.resourceVersion);
      if (observed) this.#expectOurs();
      if (observed) onProgress(this.last);
      if (observed && reached(this.last)) return undefined;
      if (Date.now() > endMs) throw observed ? this.#notThere() : this.#notTakenUp();
      await sleep(pollMs);
    }
  }

  #expectOurs(): void {
    if (this.last.target?.egress === this.#egress) return;
    throw new CommandError(
      `somebody has set egress to ${JSON.stringify(this.last.observed?.raw ?? null)} meanwhile`,
      "see who: osm egress status -o wide",
    );
  }

  #notTakenUp(): CommandError {
    return new CommandError(
      "osm-config is changed, but nobody has taken the change up yet",
      `is the forwarder running (kubectl get pods -n ${this.#namespace})? The drift schedule comes later; without AWS: osm reconcile`,
    );
  }

  #notThere(): CommandError {
    return new CommandError(
      `not there in time: ${unmetCondition(this.last)?.message ?? "no status"}`,
      "go on looking: osm egress status",
    );
  }
}

function share(status: RolloutStatus): string {
  return `${status.sidecars?.verified ?? 0} of ${status.sidecars?.total ?? 0}`;
}

/** Resource versions of one object may be compared as numbers. */
function isObserved(status: RolloutStatus, resourceVersion: string): boolean {
  const seen = status.observed?.resourceVersion;
  return seen !== undefined && BigInt(seen) >= BigInt(resourceVersion);
}

function isConverged(status: RolloutStatus): boolean {
  return conditionOf(status, "Converged")?.status === "True";
}

function isCut(status: RolloutStatus): boolean {
  return conditionOf(status, "EgressCut")?.status === "True";
}
