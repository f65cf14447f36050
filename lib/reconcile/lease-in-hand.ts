import type { ObservedLease } from "../rollout/observation.ts";
import type { ClusterPorts, HeldLease } from "./ports.ts";

/** A Lease is renewed when this share of its time has gone. */
const renewAfter = 1 / 4;
/** It may be marked in between. */
const raiseTries = 3;

/** The Lease of a pass that writes. Whoever holds it asks for `keep` after everything that may have taken long. */
export class LeaseInHand {
  readonly #ports: ClusterPorts;
  #held: HeldLease;

  private constructor(ports: ClusterPorts, held: HeldLease) {
    this.#ports = ports;
    this.#held = held;
  }

  /** @returns undefined when somebody else was faster */
  static async take(
    ports: ClusterPorts,
    seen: ObservedLease | undefined,
    atLeast: number,
  ): Promise<LeaseInHand | undefined> {
    const held = await ports.takeLease(seen, atLeast);
    return held && new LeaseInHand(ports, held);
  }

  /** The fencing number. */
  get number(): number {
    return this.#held.number;
  }

  /** Renews it if that is due. @returns "lost" when it expired meanwhile and somebody else has it */
  async keep(): Promise<"held" | "lost"> {
    const { renewedAtMs, goodForMs } = this.#held;
    if (this.#ports.nowMs() - renewedAtMs <= goodForMs * renewAfter) return "held";
    const renewed = await this.#ports.renewLease(this.#held);
    if (renewed === "lost") return "lost";
    this.#held = renewed;
    return "held";
  }

  /**
   * Under a higher number, where one is known of that is above its own. A mark on it is gone then: whoever raises it looks
   * once more.
   */
  async raise(above: number): Promise<"held" | "lost"> {
    for (let tries = 0; tries < raiseTries; tries++) {
      const { lease } = await this.#ports.glance();
      if (lease?.transitions !== this.number) return "lost";
      const held = await this.#ports.takeLease(lease, above);
      if (held !== undefined) {
        this.#held = held;
        return "held";
      }
    }
    return "lost";
  }

  release(): Promise<"released" | "marked" | "lost"> {
    return this.#ports.releaseLease(this.#held);
  }
}
