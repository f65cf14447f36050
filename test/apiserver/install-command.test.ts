import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { egressRollout, osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { program } from "#lib/cli/main.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { connectAs, kubeconfigOf, remove } from "./api.ts";

const admin = connectAs("admin");
let directory = "";
let said = "";

/** The whole command, as the shell calls it. */
async function osmInstall(...flags: readonly string[]): Promise<void> {
  await program().parseAsync(["install", "--kubeconfig", join(directory, "config"), ...flags], { from: "user" });
}

/** What a pass that sees every later osm-config would have written. */
async function statusSays(egress: boolean): Promise<void> {
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  const types = egress ? (["Converged"] as const) : (["Converged", "EgressCut"] as const);
  const status: RolloutStatus = {
    observed: { resourceVersion: "999999999", raw: String(egress), egress },
    target: { digest: "d", egress },
    sidecars: { total: 2, verified: 2, rejected: 0, unreachable: 0 },
    conditions: types.map((type) => {
      return { type, status: "True", reason: "AllVerified", message: "", lastTransitionTime };
    }),
  };
  const path = `${objectPath(egressRollout(defaults))}/status`;
  const contentType = "application/merge-patch+json";
  expect((await admin.send({ method: "PATCH", path, contentType, body: { status } })).status).toBe(200);
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "osm-install-"));
  writeFileSync(join(directory, "config"), JSON.stringify(kubeconfigOf("admin")));
  await remove(admin, egressRollout(defaults));
  await remove(admin, osmConfig(defaults));
});
afterAll(async () => {
  await remove(admin, egressRollout(defaults));
  await remove(admin, osmConfig(defaults));
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  said = "";
  const listen = (text: unknown): boolean => {
    said += `${String(text)}\n`;
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(listen);
  vi.spyOn(console, "log").mockImplementation(listen);
});
afterEach(() => {
  vi.restoreAllMocks();
});

test("a fresh installation with a value waits for nobody", async () => {
  await osmInstall("--enable-egress=false");
  expect(said).toContain("OSM installed in namespace [osm-system] with mesh name [osm]");
  expect(said).not.toContain("sidecars verified");
});

test("a changed value ends in success when the status says so, and not before", async () => {
  await statusSays(true);
  await osmInstall("--enable-egress");
  expect(said).toMatch(/taken up\n.*egress is on: 2 of 2 sidecars verified\n.*OSM installed/s);
});

test("a changed value that the sidecars do not get is a failure", async () => {
  await statusSays(true);
  await expect(osmInstall("--enable-egress=false")).rejects.toThrow('somebody has set egress to "true" meanwhile');
  expect(said).not.toContain("OSM installed");
});

test("what is not changed is not waited for", async () => {
  await osmInstall("--enable-egress=false");
  expect(said).toContain('unchanged, egress "false"');
  expect(said).not.toContain("taken up");
});
