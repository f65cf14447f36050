import { EgressError } from "../errors.ts";
import { type ObservedPod, type Poke, podKey } from "../rollout/observation.ts";
import type { PassLog } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";

/** So many pods are named in the log: an API server that refuses all of a large mesh is one event, not ten thousand. */
const mostNamed = 20;

/**
 * One pod that cannot be poked (a policy of its namespace, annotations that are full, an API server out of breath) holds no
 * other back: it is asked like the others, poked again, and named if it stays behind.
 */
export class Pokes {
  readonly #ports: Pick<ClusterPorts, "poke">;
  readonly #log: PassLog;
  #refused = 0;

  constructor(ports: Pick<ClusterPorts, "poke">, log: PassLog) {
    this.#ports = ports;
    this.#log = log;
  }

  /** @returns why it was not poked; undefined where it was, or is gone */
  async send(pod: ObservedPod, note: Poke): Promise<EgressError | undefined> {
    try {
      await this.#ports.poke(pod, note);
      return undefined;
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      this.#refused++;
      if (this.#refused <= mostNamed) this.#log.warn("pod not poked", { pod: podKey(pod), problem: error.message });
      return error;
    }
  }

  /** How often it was refused beyond what was named. */
  end(): void {
    if (this.#refused > mostNamed) this.#log.warn("more pokes refused", { pokes: this.#refused - mostNamed });
  }
}
