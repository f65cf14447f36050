import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Of the stand-in's own account, and what roles are in it. */
export const ownAccount = "111122223333";

export interface StandInCluster {
  readonly tags?: Readonly<Record<string, string>>;
  /** DescribeCluster answers with this status. */
  readonly fails?: number;
  readonly endpoint?: string;
  /** PEM; default none that anybody could use. */
  readonly ca?: string;
  /** Default `ACTIVE`. */
  readonly status?: string;
  readonly vpc?: Readonly<Record<string, unknown>>;
}

/** STS's AssumeRole and EKS's two reads, of several accounts; credentials are `KEY-<account>`, or those of a role. */
export class AwsStandIn {
  /** By account, then by name. */
  readonly accounts: Record<string, Record<string, StandInCluster>> = { [ownAccount]: {} };
  /** Roles that may be assumed with their external ids; every other one is refused. */
  readonly roles: Record<string, string> = {};
  /** Every AssumeRole, as `<role> <external id>`. */
  readonly assumed: string[] = [];
  pageSize = 3;
  /** So many calls of EKS are refused as too many. */
  throttle = 0;
  throttled = 0;
  /** Its clock, before this machine's. */
  aheadMs = 0;
  onListed: () => void = () => undefined;
  /** No cluster can be listed in these accounts. */
  readonly unlisted = new Set<string>();
  readonly #server: Server;
  readonly #before = { ...process.env };

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const key = /Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "";
        const account = /(\d{12})/.exec(key)?.[1] ?? ownAccount;
        const url = new URL(request.url ?? "/", "http://aws");
        response.setHeader("date", new Date(Date.now() + this.aheadMs).toUTCString());
        if (request.method === "POST") this.#sts(Buffer.concat(chunks).toString(), response);
        else this.#eks(account, url, response);
      });
    });
  }

  /** The SDK of this process speaks to it, as whoever may everything in `ownAccount`, until it is closed. */
  static async start(): Promise<AwsStandIn> {
    const one = new AwsStandIn();
    one.#server.listen(0, "127.0.0.1");
    await once(one.#server, "listening");
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(one.#server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: `KEY-${ownAccount}`,
      AWS_SECRET_ACCESS_KEY: "none",
    });
    return one;
  }

  /** Connections that are open to it. */
  async connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  async close(): Promise<void> {
    // Not another object in its place: the runtime itself would go on with the old one.
    for (const name of Object.keys(process.env)) if (!(name in this.#before)) delete process.env[name];
    Object.assign(process.env, this.#before);
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #sts(body: string, response: ServerResponse): void {
    const form = new URLSearchParams(body);
    const role = form.get("RoleArn") ?? "";
    const externalId = form.get("ExternalId") ?? "";
    this.assumed.push(`${role} ${externalId}`);
    if (this.roles[role] !== externalId) {
      const error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error>";
      response.writeHead(403, { "content-type": "text/xml" }).end(`<ErrorResponse>${error}</ErrorResponse>`);
      return;
    }
    const account = role.split(":")[4];
    const name = role.split("/").at(-1);
    const credentials = [
      `<AccessKeyId>KEY-${account}-${name}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>`,
      `<SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>`,
    ].join("");
    response
      .writeHead(200, { "content-type": "text/xml" })
      .end(
        `<AssumeRoleResponse><AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>`,
      );
  }

  #eks(account: string, { pathname, searchParams }: URL, response: ServerResponse): void {
    const answer = (status: number, body: object, type?: string) =>
      response
        .writeHead(status, { "content-type": "application/json", ...(type ? { "x-amzn-errortype": type } : {}) })
        .end(JSON.stringify(body));
    if (this.throttle > 0) {
      this.throttle--;
      this.throttled++;
      answer(429, { message: "Rate exceeded" }, "ThrottlingException");
      return;
    }
    const clusters = this.accounts[account] ?? {};
    if (pathname === "/clusters") {
      if (this.unlisted.has(account)) {
        answer(403, { message: "no" }, "AccessDeniedException");
        return;
      }
      const names = Object.keys(clusters);
      const start = Number(searchParams.get("nextToken") ?? 0);
      const next = start + this.pageSize < names.length ? { nextToken: String(start + this.pageSize) } : {};
      answer(200, { clusters: names.slice(start, start + this.pageSize), ...next });
      this.onListed();
      return;
    }
    const name = pathname.split("/")[2] ?? "";
    const cluster = clusters[name];
    if (!cluster) answer(404, { message: "gone" }, "ResourceNotFoundException");
    else if (cluster.fails) answer(cluster.fails, { message: "no" }, "AccessDeniedException");
    else {
      const { tags = {}, endpoint, ca = "none", vpc, status = "ACTIVE" } = cluster;
      const data = Buffer.from(ca).toString("base64");
      const reached = endpoint ? { endpoint, certificateAuthority: { data } } : {};
      answer(200, { cluster: { name, tags, status, ...reached, resourcesVpcConfig: vpc } });
    }
  }
}
