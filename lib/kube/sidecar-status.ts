import { earlierQueries } from "../envoy/earlier-queries.ts";
import { parseAnswer, verificationQuery } from "../envoy/verification-query.ts";
import { ports } from "../mesh/names.ts";
import type { Answer, ObservedPod } from "../rollout/observation.ts";
import type { KubeConnection, KubeResponse } from "./connection.ts";

/** A sidecar that has not answered by then is silent this time. */
const askTimeoutMs = 2_000;

/** Several times what a sidecar answers. A pod may send anything, and many are asked at once. */
const maxAnswerBytes = 64 * 1024;

/** Asks one sidecar what it runs, through the API server. Every failure is an answer too: the sidecar is silent. */
export async function askSidecar(connection: KubeConnection, pod: ObservedPod): Promise<Answer> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}:${ports.status}/proxy/stats`;
  const endMs = performance.now() + askTimeoutMs;
  const ask = (query: StatsQuery) => {
    const timeoutMs = Math.max(1, Math.round(endMs - performance.now()));
    return connection.send({ method: "GET", path, query, timeoutMs, maxBytes: maxAnswerBytes });
  };
  try {
    const response = await askAsKnown(ask);
    if (response.status !== 200) return { kind: "silent", why: `status ${response.status}` };
    const says = parseAnswer(response.text);
    return says ? { kind: "answered", says } : { kind: "silent", why: "not a sidecar's answer" };
  } catch {
    return { kind: "silent", why: `none within ${askTimeoutMs / 1000} s` };
  }
}

type StatsQuery = typeof verificationQuery | (typeof earlierQueries)[number];

/** By today's query, and where a sidecar does not know that, by the ones before it: Envoy's own 404 is without a word. */
export async function askAsKnown(ask: (query: StatsQuery) => Promise<KubeResponse>): Promise<KubeResponse> {
  let response = await ask(verificationQuery);
  for (const earlier of earlierQueries) {
    if (response.status === 404 && response.text === "") response = await ask(earlier);
  }
  return response;
}
