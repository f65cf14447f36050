import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FleetPage, openFleet } from "#lib/aws/fleet.ts";

/** EKS as it is in a region with many clusters: pages, throttling, and clusters that are in trouble. */
const clusters: Record<string, { readonly tags?: Readonly<Record<string, string>>; readonly fails?: number }> = {};
const pageSize = 3;
let throttled = 0;
let throttle = 0;
let server: Server;
let list: () => Promise<FleetPage & { readonly pages: number }>;
let onListed: () => void = () => undefined;
const before = { ...process.env };

beforeEach(async () => {
  for (const name of Object.keys(clusters)) delete clusters[name];
  [throttled, throttle] = [0, 0];
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://eks");
    const answer = (status: number, body: object, type?: string) =>
      response
        .writeHead(status, { "content-type": "application/json", ...(type ? { "x-amzn-errortype": type } : {}) })
        .end(JSON.stringify(body));
    if (throttle > 0) {
      throttle--;
      throttled++;
      return answer(429, { message: "Rate exceeded" }, "ThrottlingException");
    }
    const names = Object.keys(clusters);
    if (pathname === "/clusters") {
      const start = Number(searchParams.get("nextToken") ?? 0);
      const next = start + pageSize < names.length ? { nextToken: String(start + pageSize) } : {};
      answer(200, { clusters: names.slice(start, start + pageSize), ...next });
      return onListed();
    }
    const name = pathname.split("/")[2] ?? "";
    const cluster = clusters[name];
    if (!cluster) return answer(404, { message: "gone" }, "ResourceNotFoundException");
    if (cluster.fails) return answer(cluster.fails, { message: "no" }, "AccessDeniedException");
    return answer(200, { cluster: { name, tags: cluster.tags ?? {} } });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_ACCESS_KEY_ID: "none",
    AWS_SECRET_ACCESS_KEY: "none",
  });
  onListed = () => undefined;
  const fleet = openFleet("eu-central-1");
  list = async () => {
    const pages: FleetPage[] = [];
    for await (const page of fleet.pages()) pages.push(page);
    const managed = pages.flatMap((page) => page.managed);
    return { managed, unreadable: pages.flatMap((page) => page.unreadable), pages: pages.length };
  };
});
afterEach(async () => {
  process.env = { ...before };
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const managed = { tags: { "osm-egress/managed": "true" } };

test("all pages are read, and only what is tagged is managed", async () => {
  Object.assign(clusters, {
    a: managed,
    b: {},
    c: { tags: { "osm-egress/managed": "false" } },
    d: managed,
    e: managed,
  });
  expect(await list()).toEqual({ managed: ["a", "d", "e"], unreadable: [], pages: 2 });
});

test("one that cannot be looked at costs the others nothing, and is named", async () => {
  Object.assign(clusters, { a: managed, b: { fails: 403 }, c: managed });
  expect(await list()).toMatchObject({
    managed: ["a", "c"],
    unreadable: [{ cluster: "b", problem: expect.stringContaining("[aws-forbidden] DescribeCluster b") }],
  });
});

test("one that is deleted after it was listed is none", async () => {
  Object.assign(clusters, { a: managed, b: managed });
  onListed = () => void delete clusters["a"];
  expect(await list()).toMatchObject({ managed: ["b"], unreadable: [] });
});

test("who is throttled waits and tries again", async () => {
  Object.assign(clusters, { a: managed, b: managed });
  throttle = 3;
  expect((await list()).managed).toEqual(["a", "b"]);
  expect(throttled).toBe(3);
});

test("clusters that cannot be listed at all: the check fails, and says so", async () => {
  throttle = 1_000;
  server
    .removeAllListeners("request")
    .on("request", (_, response) =>
      response
        .writeHead(403, { "content-type": "application/json", "x-amzn-errortype": "AccessDeniedException" })
        .end("{}"),
    );
  await expect(list()).rejects.toThrow(/^\[aws-forbidden\] ListClusters/);
});
