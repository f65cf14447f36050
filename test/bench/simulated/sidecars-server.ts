/**
 * Every simulated sidecar in one process: on port 15010 of every address of the range it answers the verification query
 * with the versions that the asked pod's ConfigMap holds now, as a sidecar whose kubelet takes no time would.
 *
 *   sidecars-server.ts KUBECONFIG PODS ACCOUNTS
 */
import { createServer } from "node:http";
import { resourceOf } from "#lib/kube/kinds.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { type WatchListener, watch } from "#lib/kube/watch.ts";
import { labels, meshName, ports } from "#lib/mesh/names.ts";
import { sidecarStats } from "#test/sidecar-stats.ts";
import { configMapAt, type Shape } from "./shape.ts";

const [, , kubeconfig = "", pods, accounts] = process.argv;
const shape: Shape = { pods: Number(pods), accounts: Number(accounts) };

interface SidecarConfig {
  readonly place: string;
  readonly answer: string;
}

/** What a sidecar answers, by its ConfigMap. */
const answers = new Map<string, string>();

function configOf(object: unknown): SidecarConfig {
  const { metadata, data = {} } = object as {
    readonly metadata: { readonly namespace: string; readonly name: string };
    readonly data?: Readonly<Record<string, string>>;
  };
  return { place: `${metadata.namespace}/${metadata.name}`, answer: sidecarStats(data) };
}

function follow(): Promise<void> {
  const target = {
    resource: resourceOf({ apiVersion: "v1", kind: "ConfigMap" }),
    labelSelector: `${labels.sidecarConfig}=${meshName}`,
    lifeSeconds: 60,
  };
  const listener: WatchListener<SidecarConfig> = {
    reduce: configOf,
    onSeen(seen) {
      if (seen.kind === "listed") {
        answers.clear();
        for (const { place, answer } of seen.objects) answers.set(place, answer);
      } else if (seen.kind === "deleted") answers.delete(seen.object.place);
      else answers.set(seen.object.place, seen.object.answer);
    },
    onTrouble: (trouble) => console.error(String(trouble)),
  };
  return watch(openKubeconfig({ kubeconfig }), target, listener, new AbortController().signal);
}

const server = createServer((request, response) => {
  const answer = answers.get(configMapAt(shape, request.socket.localAddress ?? ""));
  response.writeHead(answer === undefined ? 503 : 200, { "content-type": "application/json" }).end(answer);
});
server.keepAliveTimeout = 120_000;
server.listen(ports.status, "0.0.0.0", 4_096, () => console.log("listening"));
await follow();
