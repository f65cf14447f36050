import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { failureOf, osmRun } from "#test/osm-run.ts";

let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "osm-run-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  // Whoever runs the tests may be logged in somewhere.
  for (const name of Object.keys(process.env)) if (/^(AWS_|KUBE)/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv("HOME", directory);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const forward = ["forward", "--event-bus-name", "bus", "--cluster-name", "shop", "--region", "eu-central-1"];

test.each([
  [["install"]],
  [["namespace", "add", "shop"]],
  [["namespace", "remove", "shop"]],
  [["namespace", "list", "-o", "json"]],
  [["egress", "status", "-o", "yaml"]],
  [["egress", "enable"]],
  [["egress", "disable"]],
  [["restart", "--outdated", "-o", "json"]],
  [["reconcile"]],
  [["reconcile", "--watch"]],
])("osm %j without any kubeconfig", async (args) => {
  const said = await osmRun(...args);
  expect([said.exitCode, said.stdout]).toEqual([1, ""]);
  expect(failureOf(said)).toEqual({
    what: "there is no kubeconfig: $KUBECONFIG is not set, and ~/.kube/config does not exist",
    remedy: "give --kubeconfig FILE; EKS writes one: aws eks update-kubeconfig --name CLUSTER",
  });
});

test("osm forward says it too, before it says that it starts", async () => {
  const said = await osmRun(...forward, "--kubeconfig", "/nowhere/config");
  expect([said.exitCode, said.stdout]).toEqual([1, ""]);
  expect(failureOf(said).what).toBe("kubeconfig /nowhere/config does not exist");
});

test.each([[["events", "dead"]], [["events", "redrive", "--all"]], [["events", "drop", "--all"]]])(
  "osm %j without a region, and without credentials",
  async (args) => {
    const nowhere = await osmRun(...args, "--stage", "prod");
    expect([nowhere.exitCode, nowhere.stdout]).toEqual([1, ""]);
    expect(failureOf(nowhere)).toEqual({
      what: expect.stringContaining("Region is missing"),
      remedy: "give --region, or set AWS_REGION",
    });
    const nobody = await osmRun(...args, "--stage", "prod", "--region", "eu-central-1");
    expect([nobody.exitCode, nobody.stdout]).toEqual([1, ""]);
    expect(failureOf(nobody)).toEqual({
      what: expect.stringContaining("Could not load credentials"),
      remedy: "log in (aws sso login, or AWS_PROFILE), then see who you are: aws sts get-caller-identity",
    });
  },
);

test("where a failure came from is told only to who asks for it, and without secrets", async () => {
  const file = join(directory, "broken");
  const token = "k8s-aws-v1.c2VjcmV0";
  writeFileSync(file, JSON.stringify({ contexts: [{ name: "a" }], users: [{ name: "ann", user: { token } }] }));
  const args = ["egress", "status", "--kubeconfig", file];
  expect((await osmRun(...args)).stderr).not.toMatch(/\n\s+at /);
  vi.stubEnv("OSM_STACK", "1");
  const { stderr } = await osmRun(...args);
  expect(stderr).toMatch(/\n\s+at /);
  expect(stderr).not.toContain(token);
});
