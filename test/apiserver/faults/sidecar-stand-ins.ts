import { once } from "node:events";
import { createServer } from "node:http";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { read } from "#lib/kube/objects.ts";
import { watch } from "#lib/kube/watch.ts";
import { annotations } from "#lib/mesh/names.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import { sidecarStats, versionOf } from "#test/sidecar-stats.ts";

/** A pod whose sidecar is answered for. */
export interface StandInPod {
  readonly namespace: string;
  readonly name: string;
  readonly account: string;
  /** Of nobody: the API server reaches it through the stand-ins alone. */
  readonly address: string;
}

/**
 * Sidecars without pods' containers. The API server reaches pods through its egress selector, and that is us: a request
 * for port 15010 of any pod's address is answered with what that pod's sidecar runs. A sidecar runs what its ConfigMap
 * held when its pod's note was last changed, as one whose kubelet looks at nothing but pokes.
 */
export interface SidecarStandIns {
  /** Contents of kube-apiserver's `--egress-selector-config-file`. */
  readonly selector: object;
  /** From now on they hear of pokes. */
  follow(connection: KubeConnection, pods: readonly StandInPod[]): Promise<void>;
  /** `namespace/name` and the version of the listeners that it runs. */
  running(): ReadonlyMap<string, string>;
  close(): Promise<void>;
}

interface PodMeta {
  readonly namespace: string;
  readonly name: string;
  readonly note: string | undefined;
}

/** @param socketPath  of the Unix socket by which the API server reaches them: over plain TCP it does not (1.36.3 panics) */
export async function startSidecarStandIns(socketPath: string): Promise<SidecarStandIns> {
  const byAddress = new Map<string, StandInPod>();
  const runs = new Map<string, Readonly<Record<string, string>>>();
  const stop = new AbortController();
  const watching: Promise<void>[] = [];
  const server = createServer((request, response) => {
    // CONNECT has told by its address which pod it is for; the socket remembers.
    const pod = askedPods.get(request.socket);
    const files = pod && runs.get(`${pod.namespace}/${pod.name}`);
    if (!files) return void response.writeHead(503).end();
    response.writeHead(200, { "content-type": "application/json" }).end(sidecarStats(files));
  });
  const askedPods = new WeakMap<object, StandInPod>();
  server.on("connect", ({ url = "" }, socket) => {
    const pod = byAddress.get(url.split(":")[0] ?? "");
    if (!pod) return void socket.destroy();
    askedPods.set(socket, pod);
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    server.emit("connection", socket);
  });
  server.listen(socketPath);
  await once(server, "listening");

  return {
    selector: {
      apiVersion: "apiserver.k8s.io/v1beta1",
      kind: "EgressSelectorConfiguration",
      egressSelections: [
        {
          name: "cluster",
          connection: { proxyProtocol: "HTTPConnect", transport: { uds: { udsName: socketPath } } },
        },
      ],
    },
    async follow(connection, pods) {
      const notes = new Map<string, string | undefined>();
      const load = async ({ namespace, name, account }: StandInPod) => {
        const path = `/api/v1/namespaces/${namespace}/configmaps/${sidecarConfigName(account)}`;
        const map = await read<{ readonly data: Readonly<Record<string, string>> }>(connection, path);
        if (map) runs.set(`${namespace}/${name}`, map.data);
      };
      for (const pod of pods) {
        byAddress.set(pod.address, pod);
        await load(pod);
      }
      const look = ({ namespace, name, note }: PodMeta) => {
        const pod = pods.find((one) => one.namespace === namespace && one.name === name);
        const key = `${namespace}/${name}`;
        if (!pod || (notes.has(key) && notes.get(key) === note)) return;
        notes.set(key, note);
        // What cannot be read now is read at the next poke.
        load(pod).catch(() => undefined);
      };
      watching.push(
        watch<PodMeta>(
          connection,
          { resource: { apiVersion: "v1", plural: "pods", namespaced: true }, lifeSeconds: 60 },
          {
            reduce: metaOf,
            onSeen: (seen) => (seen.kind === "listed" ? seen.objects.forEach(look) : look(seen.object)),
            onTrouble: () => undefined,
          },
          stop.signal,
        ),
      );
    },
    running: () => new Map([...runs].map(([key, files]) => [key, versionOf(files["lds.json"])])),
    async close() {
      stop.abort();
      await Promise.all(watching);
      server.closeAllConnections();
      server.close();
    },
  };
}

function metaOf(object: unknown): PodMeta {
  const { metadata } = object as {
    readonly metadata: {
      readonly namespace: string;
      readonly name: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  };
  return { namespace: metadata.namespace, name: metadata.name, note: metadata.annotations?.[annotations.poke] };
}
