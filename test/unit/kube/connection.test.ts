import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { connectionTo, type Identity } from "#lib/kube/connection.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { askSidecar } from "#lib/kube/sidecar-status.ts";
import type { ObservedPod } from "#lib/rollout/observation.ts";

const anybody = async (): Promise<Identity> => ({ headers: {}, dispatcher: undefined });
const closes: (() => void)[] = [];
afterEach(() => {
  for (const close of closes.splice(0)) close();
});

/** On loopback. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closes.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function firstLine(lines: AsyncIterable<string>): Promise<string | undefined> {
  for await (const line of lines) return line;
  return undefined;
}

test.each([
  [401, "api-unauthenticated", "backoff"],
  [403, "api-forbidden", "never"],
  [404, "object-missing", "re-observe"],
  [410, "version-expired", "re-observe"],
  [500, "api-unavailable", "backoff"],
])("%i is %s, to a request and to a watch", async (status, reason, retry) => {
  const connection = connectionTo(await serve((_, response) => response.writeHead(status).end("no")), anybody);
  const request = { method: "GET", path: "/api/v1/pods" } as const;
  await expect(expectOk(connection, request)).rejects.toMatchObject({ reason, retry });
  const watch = connection.stream(request, AbortSignal.timeout(5_000));
  await expect(firstLine(watch)).rejects.toMatchObject({ reason, retry });
});

const answers: (readonly [bytes: number, maxBytes: number | undefined, read: number])[] = [
  [100, 100, 100],
  [101, 100, 100],
  [200_000, undefined, 200_000],
];
test.each(answers)("an answer of %i bytes, at most %s wanted: %i", async (bytes, maxBytes, read) => {
  const connection = connectionTo(await serve((_, response) => response.end("x".repeat(bytes))), anybody);
  const bound = maxBytes === undefined ? {} : { maxBytes };
  expect((await connection.send({ method: "GET", path: "/", ...bound })).text).toHaveLength(read);
});

test("a pod that does not stop talking is cut off", async () => {
  let stopped = false;
  const server = await serve((_, response) => {
    const talking = setInterval(() => response.write("x".repeat(10_000)), 1);
    response.on("close", () => {
      clearInterval(talking);
      stopped = true;
    });
  });
  const pod = { namespace: "shop", name: "web-1" } as ObservedPod;
  const answer = await askSidecar(connectionTo(server, anybody), pod);
  expect(answer).toEqual({ kind: "silent", why: "not a sidecar's answer" });
  await vi.waitFor(() => expect(stopped).toBe(true));
});
