import { EgressError } from "../errors.ts";
import { defaultTimeoutMs, type KubeConnection } from "./connection.ts";

/** For the waits between the last tries, for what is still to be told, and for the answer to the queue. */
const reserveMs = 2_000;

/**
 * The same connection for a pass that is going to be ended: no request is waited for beyond that. A list has 30 s and is
 * tried three times; a pass that is killed meanwhile can tell nobody why, and counts as an error of the function.
 */
export function timelyConnection(connection: KubeConnection, msLeft: () => number): KubeConnection {
  return {
    ...connection,
    async send(request) {
      const leftMs = Math.floor(msLeft() - reserveMs);
      if (leftMs <= 0) {
        throw new EgressError(
          "api-unavailable",
          `${request.method} ${request.path}: not sent: the pass has no time left`,
        );
      }
      return connection.send({ ...request, timeoutMs: Math.min(request.timeoutMs ?? defaultTimeoutMs, leftMs) });
    },
  };
}
