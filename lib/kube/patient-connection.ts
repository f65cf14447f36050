import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { EgressError } from "../errors.ts";
import type { KubeConnection, KubeRequest, KubeResponse } from "./connection.ts";

/** Short, since a Lease may be in hand; what takes longer is for the next look, or the queue. */
const retries = { retries: 2, minTimeout: 200, factor: 2, randomize: true };
/** What an API server says that is too busy; one that wants more is not asked again here. */
const maxRetryAfterMs = 1_000;

/** An answer that another try may better, with the answer for whoever has had enough tries. */
class Passing extends Error {
  readonly response: KubeResponse;

  constructor(response: KubeResponse) {
    super(`status ${response.status}`);
    this.response = response;
  }
}

/**
 * The same connection, which tries again what the API server is too busy for (429, 5xx). A read also when there was no
 * answer at all, since nobody knows of it; a write only when it is known not to have come to pass. Whoever is asked to wait for a moment (Retry-After) waits as long.
 *
 * @param onAgain  told of every further try, with the request and what became of it before
 */
export function patientConnection(
  connection: KubeConnection,
  onAgain: (trouble: string) => void = () => undefined,
): KubeConnection {
  async function attempt(request: KubeRequest): Promise<KubeResponse> {
    const response = await connection.send(request);
    if (isPassing(request, response)) throw new Passing(response);
    return response;
  }
  return {
    ...connection,
    async send(request) {
      const shouldRetry = async ({ error, retryDelay }: { readonly error: Error; readonly retryDelay: number }) => {
        if (!(error instanceof Passing)) {
          return request.method === "GET" && error instanceof EgressError && error.reason === "api-unavailable";
        }
        const { retryAfterMs = 0 } = error.response;
        if (retryAfterMs > maxRetryAfterMs) return false;
        await sleep(Math.max(0, retryAfterMs - retryDelay));
        return true;
      };
      const { method, path } = request;
      let trouble = "";
      const onFailedAttempt = ({ error }: { readonly error: Error }) => {
        trouble = error instanceof Passing ? `${method} ${path}: ${error.message}` : error.message;
      };
      const next = (count: number) => {
        if (count > 1) onAgain(trouble);
        return attempt(request);
      };
      try {
        return await pRetry(next, { ...retries, shouldRetry, onFailedAttempt });
      } catch (error) {
        if (error instanceof Passing) return error.response;
        throw error;
      }
    },
  };
}

function isPassing({ method }: KubeRequest, { status }: KubeResponse): boolean {
  // 504: the API server stopped waiting for its own storage.
  return status === 429 || (status >= 500 && (method === "GET" || status !== 504));
}
