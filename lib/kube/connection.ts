import type { KubeConfig, RequestContext } from "@kubernetes/client-node";
import { Agent, type Dispatcher, request as httpRequest } from "undici";
import { causeText, EgressError, type Reason } from "../errors.ts";

/**
 * For every dispatcher. On HTTP/2 all requests and watches share one connection, and when that dies without a word (a
 * lost NAT entry, a function frozen and woken) a new attempt goes into the same dead one. On HTTP/1.1 giving up a request
 * closes its connection, and the next attempt opens another.
 */
export const http1 = { allowH2: false } as const;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** How many requests one connection keeps in flight; `pods/proxy` is exempt from the API server's own fairness. */
export const maxInFlight = 64;

/** Of a request that does not say how long it has. */
export const defaultTimeoutMs = 10_000;

export interface KubeRequest {
  readonly method: Method;
  /** From `/api` or `/apis` on, without the query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`; patches say which kind they are. */
  readonly contentType?: string;
  /** Default `application/json`; `metadataOnly` spares the rest of an object that nobody reads. */
  readonly accept?: string;
  /** For the whole exchange; without it `defaultTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Longer answers are cut there and the rest is not read; for answers that are not the API server's own. */
  readonly maxBytes?: number;
  /** Gives the exchange up before its time, as if nobody had answered. */
  readonly signal?: AbortSignal;
}

/** Answers with metadata instead of whole objects, for single objects and for lists. */
export const metadataOnly = {
  object: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
  list: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
} as const;

export interface KubeResponse {
  readonly status: number;
  readonly text: string;
  /** The API server's clock, from its `Date` header, in ms since the epoch; its resolution is one second. */
  readonly serverTimeMs: number | undefined;
  /** How long whoever was refused is asked to wait before another try. */
  readonly retryAfterMs?: number;
}

/** One cluster, spoken to as one identity. */
export interface KubeConnection {
  readonly server: string;
  /**
   * Any HTTP answer, also 4xx and 5xx.
   *
   * @throws EgressError `api-unavailable` when there was none in time, `api-unauthenticated` when there are no credentials
   */
  send(request: KubeRequest): Promise<KubeResponse>;
  /** Lines of a watch, until the server or the signal ends it. */
  stream(request: KubeRequest, signal: AbortSignal): AsyncIterable<string>;
}

/** Whom to act as, for commands that write what only the reconciler may. */
export interface Impersonation {
  readonly user: string;
  readonly groups: readonly string[];
}

/**
 * Opens a connection on a kubeconfig: client-node supplies the identity (exec plug-ins, token files, certificates) and
 * the TLS dispatcher, undici's plain request carries the bytes, because its `fetch` costs several times as much per call.
 */
export function openConnection(config: KubeConfig, impersonate?: Impersonation): KubeConnection {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new EgressError("settings-invalid", "kubeconfig: no current context with a cluster");
  return connectionTo(cluster.server, identitySource(config), impersonate);
}

/** The same without a kubeconfig, and so without loading client-node, which takes 0.1 s of a function's cold start. */
export function connectionTo(
  endpoint: string,
  currentIdentity: () => Promise<Identity>,
  impersonate?: Impersonation,
): KubeConnection {
  const server = endpoint.replace(/\/+$/, "");

  async function identityNow(): Promise<Identity> {
    try {
      return await currentIdentity();
    } catch (cause) {
      if (cause instanceof EgressError) throw cause;
      throw new EgressError("api-unauthenticated", `no credentials for ${server}: ${causeText(cause)}`, cause);
    }
  }

  function noAnswer(what: string, cause: unknown): EgressError {
    return new EgressError("api-unavailable", `${what}: no answer from ${server}: ${causeText(cause)}`, cause);
  }

  function open(request: KubeRequest, identity: Identity, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const url = new URL(server + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return httpRequest(url, {
      method: request.method,
      headers: {
        accept: request.accept ?? "application/json",
        "user-agent": "osm-egress",
        ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
        ...(impersonate ? { "impersonate-user": impersonate.user, "impersonate-group": [...impersonate.groups] } : {}),
        ...identity.headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      ...(identity.dispatcher ? { dispatcher: identity.dispatcher } : {}),
      signal,
    });
  }

  return {
    server,
    async send(request) {
      const identity = await identityNow();
      try {
        const timeout = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs);
        const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
        const response = await open(request, identity, signal);
        const date = Date.parse(String(response.headers["date"] ?? ""));
        return {
          status: response.statusCode,
          text: await bodyText(response.body, request.maxBytes),
          serverTimeMs: Number.isNaN(date) ? undefined : date,
          ...retryAfter(response.headers["retry-after"]),
        };
      } catch (cause) {
        throw noAnswer(`${request.method} ${request.path}`, cause);
      }
    },
    async *stream(request, signal) {
      const identity = await identityNow();
      let response: Dispatcher.ResponseData;
      try {
        response = await open(request, identity, signal);
      } catch (cause) {
        throw noAnswer(`watch ${request.path}`, cause);
      }
      if (response.statusCode !== 200) {
        const text = await response.body.text();
        throw new EgressError(
          refusalReason(response.statusCode),
          `watch ${request.path}: ${response.statusCode} ${text.slice(0, 300)}`,
        );
      }
      yield* lines(response.body);
    },
  };
}

/** API servers say it in whole seconds. */
function retryAfter(header: string | string[] | undefined): Pick<KubeResponse, "retryAfterMs"> {
  const seconds = typeof header === "string" && /^\d+$/.test(header) ? Number(header) : undefined;
  return seconds === undefined ? {} : { retryAfterMs: seconds * 1_000 };
}

async function bodyText(body: Dispatcher.ResponseData["body"], maxBytes: number | undefined): Promise<string> {
  if (maxBytes === undefined) return body.text();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop closes the connection, whatever is still on its way.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString("utf8");
}

function refusalReason(status: number): Reason {
  switch (status) {
    case 401:
      return "api-unauthenticated";
    case 403:
      return "api-forbidden";
    case 404:
      return "object-missing";
    case 410:
      return "version-expired";
    default:
      return "api-unavailable";
  }
}

/** Who asks, and over which connections (with the cluster's CA). */
export interface Identity {
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher | undefined;
}

/**
 * Asked before every request: tokens of exec plug-ins and projected token files expire, and client-node renews them.
 *
 * It also builds a new dispatcher every time, which would cost a TLS handshake per request: the one at hand is kept for
 * as long as the TLS options that it was built from stay the same.
 */
function identitySource(config: KubeConfig): () => Promise<Identity> {
  let optionsNow = "";
  const dispatcherOptions = config.createDispatcherOptions.bind(config);
  config.createDispatcherOptions = (...parameters) => {
    const options = dispatcherOptions(...parameters);
    optionsNow = JSON.stringify(options);
    return options.type === "agent" ? { ...options, connect: { ...options.connect, ...http1 } } : options;
  };
  let withoutOptions: Dispatcher | undefined;
  let kept: { readonly options: string; readonly dispatcher: Dispatcher } | undefined;
  return async () => {
    const headers: Record<string, string> = {};
    let dispatcher: Dispatcher | undefined;
    const context = {
      setHeaderParam: (name: string, value: string) => {
        headers[name] = value;
      },
      setDispatcher: (built: Dispatcher) => {
        if (kept?.options !== optionsNow) kept = { options: optionsNow, dispatcher: built };
        dispatcher = kept.dispatcher;
      },
    };
    await config.applySecurityAuthentication(context as unknown as RequestContext);
    return { headers, dispatcher: dispatcher ?? (withoutOptions ??= new Agent(http1)) };
  };
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
}
