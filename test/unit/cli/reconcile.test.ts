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

const figures = { requests: 1, writes: 0, pokes: 0, asks: 0, sidecars: 2, verified: 1, tookMs: 7 };

test.each<[outcome: PassOutcome, text: RegExp, exitCode: number]>([
  [{ kind: "settled", figures: { ...figures, verified: 2 } }, /^settled: 2 of 2 sidecars verified in 7 ms$/, 0],
  [{ kind: "settled", figures }, /^settled: 1 of 2 /, 3],
  [{ kind: "out-of-time", figures }, /^out-of-time: 1 of 2 /, 1],
  [{ kind: "held-by-another", figures }, /^another pass is writing now, and has been asked to look again/, 1],
])("%j", (outcome, text, exitCode) => {
  expect(resultOf(outcome)).toEqual({ text: expect.stringMatching(text), exitCode });
});

describe("somebody who may watch but not impersonate", () => {
  const directory = mkdtempSync(join(tmpdir(), "osm-reconcile-"));
  const kubeconfig = join(directory, "config");
  const asked: { readonly url: string; readonly as: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const as = request.headers["impersonate-user"] as string | undefined;
    asked.push({ url: request.url ?? "", as });
    const message = as === undefined ? "not yours" : 'User "ann" cannot impersonate resource "users"';
    response.writeHead(403).end(JSON.stringify({ kind: "Status", message }));
  });

  beforeEach(async () => {
    asked.length = 0;
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

  test("watching ends with what to do about it", async () => {
    const run = program().parseAsync(["reconcile", "--watch", "--kubeconfig", kubeconfig], { from: "user" });
    const error = await run.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ remedy: expect.stringContaining("--resource-name=osm:reconcilers") });
  });
});
