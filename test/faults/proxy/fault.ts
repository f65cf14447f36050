/** A request as the proxy has it before it is passed on. */
export interface ApiRequest {
  readonly atMs: number;
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Who sent it, by his token; empty where nobody knows. */
  readonly identity: string;
  readonly body: string;
  /** The client's. */
  readonly port: number | undefined;
}

/** What befalls one request. Before: the server does not hear of it; after: it was carried out. */
export type ApiFault =
  /** The proxy's own answer: 429, 5xx, 401. */
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "reset"; readonly when: "before" | "after" }
  /** Nobody ever answers. */
  | { readonly kind: "hang"; readonly when: "before" | "after" }
  /** Half of the answer, and then the connection breaks. */
  | { readonly kind: "half" }
  /** The whole answer, but it takes so long to come. */
  | { readonly kind: "slow"; readonly forMs: number }
  /** A watch that says these lines first, each an object, and then ends or goes on with what the server says. */
  | { readonly kind: "lines"; readonly lines: readonly object[]; readonly afterwards: "end" | "server" }
  /** The same of a watch's first line that is no bookmark: before or after the client has it. */
  | { readonly kind: "meet line"; readonly when: "before" | "after"; readonly meet: Meet }
  /** The test is told, and the request or its answer waits until the test says how it goes on. */
  | { readonly kind: "meet"; readonly when: "before" | "after"; readonly meet: Meet };

export type Meet = () => Promise<"go on" | "drop">;

export type ApiFaults = (request: ApiRequest) => ApiFault | undefined;

/** One request and what came of it, in the order in which the server answered. */
export interface Exchange extends ApiRequest {
  /** The server's; undefined where it was not asked, or did not answer. */
  readonly status: number | undefined;
  /** The server's answer; empty for watches. */
  readonly answer: string;
  readonly fault: ApiFault | undefined;
}

/** The nth request, from 1, that matches, and no other. */
export function nth(count: number, matches: (request: ApiRequest) => boolean, fault: ApiFault): ApiFaults {
  let seen = 0;
  return (request) => {
    if (!matches(request)) return undefined;
    seen++;
    return seen === count ? fault : undefined;
  };
}

/** Every request from the first one on, for so long. */
export function during(forMs: number, fault: ApiFault): ApiFaults {
  let untilMs: number | undefined;
  return ({ atMs }) => {
    untilMs ??= atMs + forMs;
    return atMs < untilMs ? fault : undefined;
  };
}

/** The first of these that has something for the request; each hears of every request. */
export function together(...all: readonly ApiFaults[]): ApiFaults {
  return (request) => all.map((faults) => faults(request)).find((fault) => fault !== undefined);
}

/** What an etcd that was compacted makes of a watch from long ago. */
export const watchExpired: ApiFault = {
  kind: "lines",
  lines: [
    {
      type: "ERROR",
      object: { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Expired", code: 410, message: "too old" },
    },
  ],
  afterwards: "end",
};
