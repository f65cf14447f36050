import { EgressError } from "../errors.ts";
import type { KubeConnection, KubeResponse } from "../kube/connection.ts";

/**
 * For the first answer. A cluster that takes longer for every request would not see a pass through in its 60 s; and a
 * kept connection may have died without a word, so that there must be time for another one.
 */
export const firstAnswerMs = 5_000;

/** Nobody has answered in the time that there was: neither another request nor another look is worth a try. */
export class NoContact extends Error {
  constructor(cause: unknown) {
    super("no contact", { cause });
    this.name = "NoContact";
  }
}

/** A connection as long as it is not known whether anybody is at the other end. */
export interface FirstContact {
  readonly connection: KubeConnection;
  hasAnswered(): boolean;
}

/**
 * @param withinMs  from now; requests that fail later than that, without one of them having been answered, throw NoContact
 */
export function firstContact(connection: KubeConnection, withinMs: number, nowMs: () => number): FirstContact {
  const untilMs = nowMs() + withinMs;
  let hasAnswered = false;

  async function send(request: Parameters<KubeConnection["send"]>[0]): Promise<KubeResponse> {
    if (hasAnswered) return connection.send(request);
    try {
      const timeoutMs = Math.min(request.timeoutMs ?? firstAnswerMs, firstAnswerMs);
      const response = await connection.send({ ...request, timeoutMs });
      hasAnswered = true;
      return response;
    } catch (cause) {
      const isSilent = cause instanceof EgressError && cause.reason === "api-unavailable";
      if (isSilent && !hasAnswered && nowMs() >= untilMs) throw new NoContact(cause);
      throw cause;
    }
  }

  return { connection: { ...connection, send }, hasAnswered: () => hasAnswered };
}
