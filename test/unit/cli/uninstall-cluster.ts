import { everyObject } from "#deploy/manifests.ts";
import type { KubeConnection, KubeRequest, KubeResponse } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { meshPlace } from "#lib/mesh/names.ts";

const namespace: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: meshPlace.osmNamespace } };

/** An API server that has every object of an installation, and deletes none. */
export class UninstallCluster {
  readonly #objects = new Map([...everyObject(meshPlace), namespace].map((object) => [objectPath(object), object]));
  /** `DELETE /apis/…`, with `?dryRun` where it is one. */
  readonly changes: string[] = [];
  /** By path: what is answered to a DELETE, instead. */
  readonly refused = new Map<string, { readonly status: number; readonly message: string }>();
  /** What is answered to a ConfigMap that is created. */
  configMapAnswer = { status: 201, message: "" };

  /** Labels of all that are of this kind. */
  label(kind: string, labels: Readonly<Record<string, string>>): void {
    for (const [path, object] of this.#objects) {
      if (object.kind === kind) this.#objects.set(path, { ...object, metadata: { ...object.metadata, labels } });
    }
  }

  remove(path: string): void {
    if (!this.#objects.delete(path)) throw new Error(`there is no ${path}`);
  }

  /** But for its namespace. */
  removeMesh(): void {
    this.#objects.clear();
    this.add(namespace);
  }

  add(object: KubeObject): void {
    this.#objects.set(objectPath(object), object);
  }

  get connection(): KubeConnection {
    return {
      server: "https://api",
      send: async (request) => this.#answer(request),
      stream: () => {
        throw new Error("nothing is watched");
      },
    };
  }

  #answer({ method, path, query, body }: KubeRequest): KubeResponse {
    const found: KubeObject | undefined = this.#objects.get(path);
    if (method !== "GET") this.changes.push(`${method} ${path}${query?.["dryRun"] === undefined ? "" : "?dryRun"}`);
    const refusal = method === "DELETE" ? this.refused.get(path) : undefined;
    if (refusal) return answer(refusal.status, { message: refusal.message });
    if (method === "POST" && path.endsWith("/configmaps"))
      return answer(this.configMapAnswer.status, this.configMapAnswer);
    if (method === "POST") return answer(201, { ...(body as KubeObject), metadata: { resourceVersion: "1" } });
    if (found) return answer(200, found);
    const plural = /\/([a-z]+s)$/.exec(path)?.[1];
    if (plural === undefined) return answer(404, { message: `no ${path}` });
    const items = [...this.#objects].filter(([its]) => its.split("/").at(-2) === plural);
    return answer(200, { items: items.map(([, object]) => object), metadata: {} });
  }
}

/** A pod of account `default` with our sidecar. */
export function injectedPod(namespace: string, name: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, uid: `${namespace}-${name}` },
    spec: {
      initContainers: [
        { name: "osm-init", image: "sidecar:1" },
        { name: "envoy", image: "sidecar:1", restartPolicy: "Always" },
      ],
      containers: [{ name: "app" }],
      volumes: [{ name: "osm-sidecar-config", configMap: { name: "osm-sidecar.default" } }],
    },
  };
}

function answer(status: number, body: object): KubeResponse {
  return { status, text: JSON.stringify(body), serverTimeMs: undefined };
}
