import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CommandError } from "#lib/cli/failure.ts";
import { program } from "#lib/cli/main.ts";
import { resultOf } from "#lib/cli/reconcile.ts";
import type { PassOutcome } from "#lib/reconcile/pass.ts";
import type { Condition } from "#lib/rollout/status.ts";

const unmet: Condition = {
  type: "EgressCut",
  status: "False",
  reason: "Draining",
  message: "connections are still draining at: shop/web-1",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};
const figures = { requests: 1, writes: 0, pokes: 0, asks: 0, sidecars: 2, verified: 1, findings: 0, tookMs: 7 };

test.each<[outcome: PassOutcome, text: RegExp, exitCode: number]>([
  [
    { kind: "settled", figures: { ...figures, verified: 2, findings: 0 } },
    /^settled: 2 of 2 sidecars verified in 7 ms$/,
    0,
  ],
  [{ kind: "settled", figures }, /^settled: 1 of 2 /, 3],
  [
    { kind: "settled", figures: { ...figures, verified: 2, findings: 0 }, unmet },
    /^settled: 2 of 2 .*\nEgressCut is False: connections are still draining at: shop\/web-1\n {2}→ osm egress status/,
    1,
  ],
  [{ kind: "settled", figures, unmet }, /^settled: 1 of 2 .*\nEgressCut is False/, 1],
  [{ kind: "out-of-time", figures }, /^out-of-time: 1 of 2 /, 1],
  [{ kind: "held-by-another", figures }, /^held-by-another: 1 of 2 /, 1],
])("%j", (outcome, text, exitCode) => {
  expect(resultOf(outcome)).toEqual({ text: expect.stringMatching(text), exitCode });
});

describe("somebody who may watch but not impersonate", () => {
  let directory = "";
  let kubeconfig = "";
  const asked: { readonly url: string; readonly as: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const as = request.headers["impersonate-user"] as string | undefined;
    asked.push({ url: request.url ?? "", as });
    const message = as === undefined ? "not yours" : 'User "ann" cannot impersonate resource "users"';
    response.writeHead(403).end(JSON.stringify({ kind: "Status", message }));
  });

  beforeEach(async () => {
    asked.length = 0;
    directory = mkdtempSync(join(tmpdir(), "osm-reconcile-"));
    kubeconfig = join(directory, "config");
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const config = {
      clusters: [{ name: "c", cluster: { server: url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "ann", user: { token: "t" } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "ann" } }],
      "current-context": "c",
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What `osm reconcile --watch` ended with. */
  function watched(...options: string[]): Promise<unknown> {
    const words = ["reconcile", "--watch", "--kubeconfig", kubeconfig, ...options];
    return program()
      .parseAsync(words, { from: "user" })
      .catch((reason: unknown) => reason);
  }

  test("watching ends with what to do about it", async () => {
    const error = await watched();
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ remedy: expect.stringContaining("--resource-name=osm:reconcilers") });
  });

  test("passes and watches are both about the mesh that was named", async () => {
    await watched("--mesh-name", "second", "--osm-namespace", "second-system");
    const urls = (as: string | undefined) =>
      asked.filter((one) => one.as === as).map(({ url }) => decodeURIComponent(url));
    expect(urls("osm-cli")).toContainEqual(expect.stringContaining("/namespaces/second-system/leases/"));
    expect(urls(undefined)).toContainEqual(expect.stringContaining("/namespaces/second-system/configmaps"));
    expect(urls(undefined)).toContainEqual(expect.stringContaining("monitored-by=second"));
    expect(asked.filter(({ url }) => url.includes("osm-system"))).toEqual([]);
  });
});
