import pRetry from "p-retry";
import { EgressError } from "../errors.ts";
import type { KubeConnection, KubeRequest, KubeResponse } from "./connection.ts";

/** Short, since a Lease may be in hand; what takes longer is for the next look, or the queue. */
const retries = { retries: 2, minTimeout: 200, factor: 2, randomize: true };

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
 * answer at all, since nobody knows of it; a write only when it is known not to have come to pass.
 */
export function patientConnection(connection: KubeConnection): KubeConnection {
  async function attempt(request: KubeRequest): Promise<KubeResponse> {
    const response = await connection.send(request);
    if (isPassing(request, response)) throw new Passing(response);
    return response;
  }
  return {
    ...connection,
    async send(request) {
      const shouldRetry = ({ error }: { readonly error: Error }) =>
        error instanceof Passing ||
        (request.method === "GET" && error instanceof EgressError && error.reason === "api-unavailable");
      try {
        return await pRetry(() => attempt(request), { ...retries, shouldRetry });
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
