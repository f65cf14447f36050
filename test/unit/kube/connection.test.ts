import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { causeText, EgressError } from "#lib/errors.ts";
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

test.each([
  [{ reason: "Conflict", message: "the object has been modified" }, "object-conflict", "re-observe"],
  [{ reason: "Conflict", details: { causes: [{ reason: "FieldManagerConflict" }] } }, "api-invalid", "never"],
])("409, %j, is %s", async (status, reason, retry) => {
  const server = await serve((_, response) => response.writeHead(409).end(JSON.stringify(status)));
  const request = { method: "PATCH", path: "/api/v1/pods/web" } as const;
  await expect(expectOk(connectionTo(server, anybody), request)).rejects.toMatchObject({ reason, retry });
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

test.each([
  ["1", 1_000],
  ["0", 0],
  ["Fri, 27 Nov 2026 12:00:00 GMT", undefined],
  [undefined, undefined],
])("Retry-After %j is %s ms", async (header, retryAfterMs) => {
  const headers = header === undefined ? {} : { "retry-after": header };
  const connection = connectionTo(await serve((_, response) => response.writeHead(429, headers).end()), anybody);
  expect((await connection.send({ method: "GET", path: "/" })).retryAfterMs).toBe(retryAfterMs);
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

describe("without an answer, the message says why", () => {
  const failing = (cause: Error) => async (): Promise<Identity> => {
    throw cause;
  };

  /** What one sees of a request and of a watch. */
  async function failures(server: string, identity: () => Promise<Identity>): Promise<unknown[]> {
    const connection = connectionTo(server, identity);
    const request = { method: "GET", path: "/version", timeoutMs: 300 } as const;
    const outcomes = [connection.send(request), firstLine(connection.stream(request, AbortSignal.timeout(300)))];
    return (await Promise.allSettled(outcomes)).map((outcome) => outcome.status === "rejected" && outcome.reason);
  }
  const both = (reason: string, message: RegExp) =>
    Array(2).fill(expect.objectContaining({ reason, message: expect.stringMatching(message) }));

  test("nobody listens", async () => {
    const closed = await serve(() => undefined);
    closes.pop()?.();
    expect(await failures(closed, anybody)).toEqual(both("api-unavailable", /no answer from .+: .*ECONNREFUSED/));
  });

  test("no TLS there", async () => {
    const server = await serve((_, response) => response.end("ok"));
    const tls = server.replace("http:", "https:");
    expect(await failures(tls, anybody)).toEqual(both("api-unavailable", /no answer from .+: .*(ERR_SSL|EPROTO)/));
  });

  test("too late", async () => {
    expect(await failures(await serve(() => undefined), anybody)).toEqual(
      both("api-unavailable", /no answer from .+: The operation was aborted due to timeout$/),
    );
  });

  test.each([
    [
      "the plug-in says",
      new Error("Error loading SSO Token:\nToken has expired\n"),
      /: Error loading SSO Token: Token has expired$/,
    ],
    ["it is not there", Object.assign(new Error("spawn aws ENOENT"), { code: "ENOENT" }), /: spawn aws ENOENT$/],
    ["it says no JSON", new SyntaxError(`Unexpected token 'k', "k8s-aws-v1.secret" is not valid JSON`), /: not JSON$/],
  ])("no credentials: %s", async (_, cause, says) => {
    const server = await serve((_, response) => response.end("ok"));
    expect(await failures(server, failing(cause))).toEqual(both("api-unauthenticated", says));
    expect(await failures(server, failing(cause))).toEqual(both("api-unauthenticated", /no credentials for http/));
  });

  test("what already has a reason keeps it", async () => {
    const cause = new EgressError("aws-forbidden", "AssumeRole: AccessDenied");
    expect(await failures("http://127.0.0.1:1", failing(cause))).toEqual([cause, cause]);
  });
});

test.each([
  [
    new AggregateError([new Error("connect ECONNREFUSED ::1:1"), new Error("connect ETIMEDOUT 10.0.0.1:1")]),
    "connect ECONNREFUSED ::1:1; connect ETIMEDOUT 10.0.0.1:1",
  ],
  [
    Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
    "DEPTH_ZERO_SELF_SIGNED_CERT: self-signed certificate",
  ],
  [new Error("x".repeat(301)), "x".repeat(300)],
  ["thrown", "thrown"],
])("%s in a message: %s", (cause, text) => {
  expect(causeText(cause)).toBe(text);
});
