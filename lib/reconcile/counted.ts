import type { PassFigures } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";

export interface Counter {
  figures(): Pick<PassFigures, "requests" | "writes" | "pokes" | "asks">;
}

const writing = new Set<PropertyKey>([
  "takeLease",
  "markLease",
  "renewLease",
  "releaseLease",
  "applyConfigMap",
  "deleteConfigMap",
  "applyInjection",
  "writeStatus",
  "recordEvent",
]);

/** The same ports, with what went through them counted. */
export function counted(ports: ClusterPorts): { readonly ports: ClusterPorts; readonly counter: Counter } {
  const calls = { writes: 0, pokes: 0, asks: 0 };
  const requestsBefore = ports.requestsSent();
  const watched = new Proxy(ports, {
    get(target, name, receiver) {
      if (writing.has(name)) calls.writes++;
      if (name === "poke") calls.pokes++;
      if (name === "ask") calls.asks++;
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
  return {
    ports: watched,
    counter: { figures: () => ({ ...calls, requests: ports.requestsSent() - requestsBefore }) },
  };
}
