import { closeAgain } from "../../reconcile/close-again.ts";
import type { LeaseInHand } from "../../reconcile/lease-in-hand.ts";
import { type Opened, openAll } from "../../reconcile/open-all.ts";
import type { PassLog, PassOutcome } from "../../reconcile/pass.ts";
import type { ClusterPorts } from "../../reconcile/ports.ts";

/** What became of sidecars that an uninstallation had begun to open when it failed. */
export interface Undone {
  /** At most so many were opened. */
  readonly sidecars: number;
  /** What osm-config wants of them. */
  readonly configured: "on" | "off";
  /** Why some may be open still; absent where all have answered that they are not. */
  readonly trouble?: string;
}

/** Opening every sidecar for good, and the way back for as long as the reconciler has its rights. */
export class Opening {
  readonly #ports: ClusterPorts;
  readonly #lease: LeaseInHand;
  readonly #log: PassLog;
  #begun: Pick<Undone, "sidecars" | "configured"> | undefined;
  #opened: Opened | undefined;

  constructor(ports: ClusterPorts, lease: LeaseInHand, log: PassLog) {
    this.#ports = ports;
    this.#lease = lease;
    this.#log = log;
  }

  /** Undefined while nothing is written. */
  get begun(): Pick<Undone, "sidecars" | "configured"> | undefined {
    return this.#begun;
  }

  /** Undefined until all have had their time. */
  get opened(): Opened | undefined {
    return this.#opened;
  }

  /** @throws EgressError as `openAll` does */
  async run(say: (state: string) => void): Promise<Opened> {
    this.#opened = await openAll(this.#ports, this.#lease, this.#log, {
      onOpening: (sidecars, configured) => {
        this.#begun = { sidecars, configured };
      },
      onShare: (verified, total) => say(`${verified} of ${total} sidecars open`),
    });
    return this.#opened;
  }

  /** Of what has begun. The Lease must still be in hand, or lost: never released. */
  async undo(): Promise<Undone> {
    const { sidecars, configured } = this.#begun ?? { sidecars: 0, configured: "off" };
    this.#opened = undefined;
    const trouble = await closeAgain(this.#ports, this.#lease, this.#log).then(troubleOf, (error: unknown) =>
      error instanceof Error ? error.message : String(error),
    );
    return { sidecars, configured, ...(trouble === undefined ? {} : { trouble }) };
  }
}

function troubleOf({ kind, unmet, figures: { verified, sidecars } }: PassOutcome): string | undefined {
  if (kind === "held-by-another") return "another pass has the Lease, and has been asked to look again";
  if (kind !== "settled") return `the pass that was to do it ended early (${kind})`;
  if (unmet) return `${unmet.type} is ${unmet.status}: ${unmet.message}`;
  return verified < sidecars ? `${verified} of ${sidecars} have answered that they are` : undefined;
}
