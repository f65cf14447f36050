import { cutText } from "../mesh/cut-text.ts";
import type { Announcements } from "../rollout/result-events.ts";
import type { PassContext } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";

const maxTextLength = 256;

interface Announcement {
  readonly what: string;
  /** In words; of an event on the bus, none. */
  readonly text?: string;
  tell(): Promise<void>;
}

/**
 * What a pass has to tell the world. The status that it is derived from is written already, so nobody else will tell it:
 * what fails is kept, the others are told nonetheless, and before the pass ends it is tried once more.
 */
export class Telling {
  readonly #ports: ClusterPorts;
  readonly #context: PassContext;
  #waiting: Announcement[] = [];
  #failed: Announcement[] = [];
  #told: Promise<void> = Promise.resolve();

  constructor(ports: ClusterPorts, context: PassContext) {
    this.#ports = ports;
    this.#context = context;
  }

  add({ bus, kubernetes }: Announcements): void {
    this.#waiting.push(
      ...bus.map((event) => ({ what: event.detailType, tell: () => this.#context.publish(event) })),
      ...kubernetes.map((event) => ({
        what: event.reason,
        text: event.message,
        tell: () => this.#ports.recordEvent(event),
      })),
    );
  }

  /** Tells in order, while the pass goes on: nobody waits for a bus that hangs. */
  begin(): void {
    this.#told = this.#told.then(async () => void (await this.#tellAll()));
  }

  /** @throws what still failed at the second try, after everything else was told */
  async end(): Promise<void> {
    this.begin();
    await this.#told;
    this.#waiting = this.#failed;
    this.#failed = [];
    const problem = await this.#tellAll();
    if (problem !== undefined) throw problem.cause;
  }

  async #tellAll(): Promise<{ readonly cause: unknown } | undefined> {
    let first: { readonly cause: unknown } | undefined;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await next.tell();
        const text = next.text === undefined ? {} : { text: cutText(next.text, maxTextLength) };
        this.#context.log.info("announced", { what: next.what, ...text });
      } catch (cause) {
        first ??= { cause };
        this.#failed.push(next);
        const problem = cause instanceof Error ? cause.message : String(cause);
        this.#context.log.error("not announced", { what: next.what, problem });
      }
    }
    return first;
  }
}
