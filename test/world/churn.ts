import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { appSpec } from "./sample-mesh.ts";

/** A mesh in which nothing stands still: Services, endpoints and pods change every 50 to 300 ms. */
export interface Churn {
  /** Changes that the API server has taken so far, by kind. */
  readonly made: Readonly<Record<ChurnKind, number>>;
  /** Ends it and takes away what it made. @throws when one of its own changes failed */
  stop(): Promise<void>;
}

/** Its pods' names begin with it. */
export const churnPrefix = "churn-";

export type ChurnKind = "service" | "endpoint" | "pod";

const [shortestMs, longestMs] = [50, 300];
/** A pod costs the node half a second of a core; the rest of the changes are cheap. */
const podShare = 0.06;
const serviceShare = 0.5;
const maxServices = 12;
const maxPods = 4;

/**
 * @param backends  running pods whose `churn` label comes and goes, and with it the endpoints of a Service
 */
export function startChurn(
  connection: KubeConnection,
  namespace: string,
  backends: readonly string[],
  random: () => number,
): Churn {
  const core = `/api/v1/namespaces/${namespace}`;
  const made: Record<ChurnKind, number> = { service: 0, endpoint: 0, pod: 0 };
  const services: string[] = [];
  const pods: string[] = [];
  /** Of the backends; each change of one is a change. */
  const labelled = new Set<string>();
  let serial = 0;
  const stopped = new AbortController();

  const create = (plural: string, body: object) =>
    expectOk(connection, { method: "POST", path: `${core}/${plural}`, body });
  const remove = (plural: string, name: string) =>
    expectOk(connection, { method: "DELETE", path: `${core}/${plural}/${name}` });
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];

  async function changeService(): Promise<void> {
    if (services.length >= maxServices || (services.length > 0 && random() < 0.4)) {
      await remove("services", services.splice(Math.floor(random() * services.length), 1)[0] ?? "");
      return;
    }
    const name = `${churnPrefix}${serial++}`;
    const port = 80 + Math.floor(random() * 3);
    await create("services", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { selector: { churn: "yes" }, ports: [{ port, targetPort: 8080 }] },
    });
    services.push(name);
  }

  async function changeEndpoint(): Promise<void> {
    const name = pick(backends) ?? "";
    const comes = !labelled.delete(name);
    if (comes) labelled.add(name);
    await expectOk(connection, {
      method: "PATCH",
      path: `${core}/pods/${name}`,
      contentType: "application/merge-patch+json",
      body: { metadata: { labels: { churn: comes ? "yes" : null } } },
    });
  }

  async function changePod(): Promise<void> {
    if (pods.length >= maxPods || (pods.length > 0 && random() < 0.4)) {
      await remove("pods", pods.shift() ?? "");
      return;
    }
    const name = `${churnPrefix}${serial++}`;
    await create("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: { churn: "yes" } },
      spec: appSpec("bookthief"),
    });
    pods.push(name);
  }

  const change = { service: changeService, endpoint: changeEndpoint, pod: changePod };
  const running = (async () => {
    while (!stopped.signal.aborted) {
      // A pod first: by chance alone a short run might have none.
      const dice = made.pod === 0 ? 0 : random();
      const kind = dice < podShare ? "pod" : dice < podShare + serviceShare ? "service" : "endpoint";
      await change[kind]();
      made[kind]++;
      const pauseMs = shortestMs + random() * (longestMs - shortestMs);
      await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  running.catch(() => undefined);

  return {
    made,
    async stop() {
      stopped.abort();
      await running;
      await Promise.all([
        ...services.map((name) => remove("services", name)),
        ...pods.map((name) => remove("pods", name)),
      ]);
    },
  };
}
