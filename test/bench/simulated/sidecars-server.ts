/**
 * Every simulated sidecar in one process: on port 15010 of every address of the range it answers the verification query
 * with the versions that the asked pod's ConfigMap holds now, as a sidecar whose kubelet takes no time would.
 *
 *   sidecars-server.ts KUBECONFIG PODS ACCOUNTS
 */
import { createServer } from "node:http";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { labels, meshName, ports } from "#lib/mesh/names.ts";
import { sidecarStats } from "#test/sidecar-stats.ts";
import { configMapAt, type Shape } from "./shape.ts";

const [, , kubeconfig = "", pods, accounts] = process.argv;
const shape: Shape = { pods: Number(pods), accounts: Number(accounts) };

interface ConfigMap {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** What a sidecar answers, by its ConfigMap. */
const answers = new Map<string, string>();

async function follow(): Promise<never> {
  const connection = openKubeconfig({ kubeconfig });
  const query = { watch: true, labelSelector: `${labels.sidecarConfig}=${meshName}` };
  // A watch that has ended begins again with everything there is.
  for (;;) {
    const lines = connection.stream({ method: "GET", path: "/api/v1/configmaps", query }, new AbortController().signal);
    for await (const line of lines) {
      const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: ConfigMap };
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      if (type === "DELETED") answers.delete(key);
      else answers.set(key, sidecarStats(object.data ?? {}));
    }
  }
}

const server = createServer((request, response) => {
  const answer = answers.get(configMapAt(shape, request.socket.localAddress ?? ""));
  response.writeHead(answer === undefined ? 503 : 200, { "content-type": "application/json" }).end(answer);
});
server.keepAliveTimeout = 120_000;
server.listen(ports.status, "0.0.0.0", 4_096, () => console.log("listening"));
await follow();
