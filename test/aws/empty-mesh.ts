import { osmConfigName, rolloutName } from "#lib/mesh/names.ts";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import { type Answerer, type AskedRequest, failed } from "./stand-in-api-server.ts";

interface KeptObject {
  readonly metadata: { readonly resourceVersion: string; readonly [field: string]: unknown };
  readonly status?: RolloutStatus;
  readonly [field: string]: unknown;
}

const collections = /\/(namespaces|serviceaccounts|services|configmaps|pods)$/;

/**
 * What passes see of an API server whose mesh has no namespace yet: osm-config, and the objects that they write
 * themselves, each of which is kept. Enough for a pass to take the Lease, write, and say that all is verified.
 */
export class EmptyMesh {
  readonly #objects = new Map<string, KeptObject>();
  #version = 0;

  readonly answer: Answerer = (request) => {
    const { method, path } = request;
    if (method === "GET" && collections.test(path)) return { status: 200, body: { items: [], metadata: {} } };
    if (method === "GET") return found(this.#objects.get(path));
    return this.#write(request);
  };

  /** @returns once and for all whether a pass has said of this very value that every sidecar runs it */
  setEgress(egress: boolean): () => boolean {
    const data = { egress: String(egress) };
    const { metadata } = this.#keep(`/api/v1/namespaces/osm-system/configmaps/${osmConfigName}`, {
      metadata: { name: osmConfigName, uid: "osm-config" },
      data,
    });
    return () => {
      const { observed, target, ...status } = this.#status();
      const isSeen = observed?.resourceVersion === metadata.resourceVersion && target?.egress === egress;
      return isSeen && conditionOf(status, "Converged")?.status === "True";
    };
  }

  #status(): RolloutStatus {
    for (const [path, { status }] of this.#objects) {
      if (path.endsWith(`/egressrollouts/${rolloutName}`)) return status ?? {};
    }
    return {};
  }

  #write({ method, path, body }: AskedRequest): ReturnType<Answerer> {
    const written = body as KeptObject;
    const of = path.replace(/\/status$/, "");
    if (method === "POST") {
      const name = written.metadata["name"];
      return { status: 201, body: this.#keep(typeof name === "string" ? `${of}/${name}` : `${of}/unnamed`, written) };
    }
    const kept = this.#objects.get(of);
    const { resourceVersion } = written.metadata;
    if (method === "PUT" && kept?.metadata.resourceVersion !== resourceVersion) return failed(409);
    return { status: 200, body: this.#keep(of, { ...kept, ...written }) };
  }

  #keep(path: string, object: { readonly metadata: object; readonly [field: string]: unknown }): KeptObject {
    this.#version++;
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#objects.set(path, kept);
    return kept;
  }
}

function found(object: KeptObject | undefined): ReturnType<Answerer> {
  return object ? { status: 200, body: object } : failed(404);
}
