import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Pool } from "undici";
import type { World } from "#test/cluster/world.ts";

/** As many as the product keeps open. */
const connections = 64;

export interface BareAnswer {
  readonly status: number;
  readonly text: string;
}

/** The API server, and nothing in between: what nothing built on it can be faster than. A cluster administrator. */
export interface BareClient {
  send(
    method: "GET" | "PATCH" | "POST" | "DELETE",
    path: string,
    body?: object,
    contentType?: string,
  ): Promise<BareAnswer>;
  close(): Promise<void>;
}

export const mergePatch = "application/merge-patch+json";
export const applyPatch = "application/apply-patch+yaml";

/** What a cluster administrator connects with. */
export async function adminTls({ directory, apiServer }: World): Promise<{ ca: string; cert: string; key: string }> {
  const read = (name: string) => readFile(join(directory, "pki", name), "utf8");
  return { ca: apiServer.ca, cert: await read("admin.crt"), key: await read("admin.key") };
}

/** @param group  to act as, instead of the administrator's own */
export async function openBareClient(world: World, group?: string): Promise<BareClient> {
  const pool = new Pool(world.apiServer.url, { connections, connect: await adminTls(world), allowH2: false });
  const as = group === undefined ? {} : { "impersonate-user": "bench", "impersonate-group": group };
  return {
    async send(method, path, body, contentType = "application/json") {
      const { statusCode, body: answer } = await pool.request({
        method,
        path,
        headers: { ...as, ...(body === undefined ? {} : { "content-type": contentType }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: statusCode, text: await answer.text() };
    },
    close: () => pool.close(),
  };
}

/** The answer's JSON. @throws when the status is not 2xx */
export async function expectJson<T>(answer: Promise<BareAnswer>): Promise<T> {
  const { status, text } = await answer;
  if (status < 200 || status > 299) throw new Error(`API server: ${status} ${text.slice(0, 300)}`);
  return JSON.parse(text) as T;
}
