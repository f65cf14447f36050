import { parseAnswer, verificationQuery } from "../envoy/verification-query.ts";
import { ports } from "../mesh/names.ts";
import type { Answer, ObservedPod } from "../rollout/observation.ts";
import type { KubeConnection } from "./connection.ts";

/** A sidecar that has not answered by then is silent this time. */
const askTimeoutMs = 2_000;

/** Several times what a sidecar answers. A pod may send anything, and many are asked at once. */
const maxAnswerBytes = 64 * 1024;

/** Asks one sidecar what it runs, through the API server. Every failure is an answer too: the sidecar is silent. */
export async function askSidecar(connection: KubeConnection, pod: ObservedPod): Promise<Answer> {
  try {
    const response = await connection.send({
      method: "GET",
      path: `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}:${ports.status}/proxy/stats`,
      query: verificationQuery,
      timeoutMs: askTimeoutMs,
      maxBytes: maxAnswerBytes,
    });
    if (response.status !== 200) return { kind: "silent", why: `status ${response.status}` };
    const says = parseAnswer(response.text);
    return says ? { kind: "answered", says } : { kind: "silent", why: "not a sidecar's answer" };
  } catch {
    return { kind: "silent", why: `none within ${askTimeoutMs / 1000} s` };
  }
}
