import type { KubeConnection, KubeRequest, KubeResponse } from "#lib/kube/connection.ts";

interface StoredLease {
  metadata: { resourceVersion?: string; annotations?: Readonly<Record<string, string>> };
  spec: { holderIdentity: string; leaseTransitions: number; leaseDurationSeconds: number; renewTime: string };
}

/** An API server that has one Lease at most and takes only conditional writes of it; its clock is its own. */
export class LeaseApi {
  stored: StoredLease | undefined;
  nowMs = Date.parse("2026-11-01T12:00:00Z");
  /** Called before each request is carried out. */
  meanwhile: (request: KubeRequest) => void = () => undefined;
  readonly requests: string[] = [];
  #version = 0;

  readonly connection: KubeConnection = {
    server: "https://api",
    send: async (request) => {
      this.requests.push(`${request.method} ${request.path.split("/").at(-1)}`);
      this.meanwhile(request);
      return this.#answer(request);
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };

  /** As somebody else would write it. */
  write(spec: Partial<StoredLease["spec"]>, annotations?: Readonly<Record<string, string>>): void {
    const before = this.stored?.spec ?? {
      holderIdentity: "",
      leaseTransitions: 0,
      leaseDurationSeconds: 20,
      renewTime: "",
    };
    this.#store({ metadata: annotations === undefined ? {} : { annotations }, spec: { ...before, ...spec } });
  }

  #store(lease: StoredLease): StoredLease {
    const same =
      JSON.stringify({ ...lease.metadata, resourceVersion: "" }) ===
      JSON.stringify({ ...this.stored?.metadata, resourceVersion: "" });
    // A write that changes nothing makes no version, as at a real one.
    if (this.stored && same && JSON.stringify(lease.spec) === JSON.stringify(this.stored.spec)) return this.stored;
    this.stored = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++this.#version) } };
    return this.stored;
  }

  #answer({ method, body }: KubeRequest): KubeResponse {
    const respond = (status: number, object: unknown): KubeResponse => ({
      status,
      text: JSON.stringify(object),
      serverTimeMs: this.nowMs,
    });
    if (method === "GET") return this.stored ? respond(200, this.stored) : respond(404, { message: "not found" });
    const lease = body as StoredLease;
    if (method === "POST") return this.stored ? respond(409, { message: "exists" }) : respond(201, this.#store(lease));
    if (!this.stored) return respond(404, { message: "not found" });
    if (lease.metadata.resourceVersion !== this.stored.metadata.resourceVersion)
      return respond(409, { message: "changed" });
    return respond(200, this.#store(lease));
  }
}
