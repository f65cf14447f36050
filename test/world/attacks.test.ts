import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { startWorld, type World } from "#test/cluster/world.ts";
import { eventually } from "#test/eventually.ts";
import { ending, families } from "./attacks/all.ts";
import { app, type Ground, must, plain, shop, shopPod } from "./attacks/ground.ts";
import { startGround } from "./attacks/start.ts";

let world: World;
let ground: Ground;
let written: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  const log = (line: string) => console.log(line);
  world = await startWorld({ log });
  ground = await startGround(world, log);
  written = await sidecarConfigs();
});
afterAll(async () => {
  await world?.stop();
});

/** What every sidecar of the shop is told to run, by the ConfigMap's name. */
async function sidecarConfigs(): Promise<Readonly<Record<string, unknown>>> {
  const text = await must(ground.admin(["get", "configmaps", "-n", shop, "-o", "json"]));
  const { items } = JSON.parse(text) as {
    readonly items: readonly { readonly metadata: { readonly name: string }; readonly data?: unknown }[];
  };
  const ours = items.filter(({ metadata }) => metadata.name.startsWith("osm-sidecar."));
  return Object.fromEntries(ours.map(({ metadata, data }) => [metadata.name, data]));
}

describe.each(families)("$title", ({ attacks }) => {
  test.each(attacks.filter((it) => it.verdict === "refused"))("$way: refused", async ({ attempt, says }) => {
    const { ok, stdout, stderr } = await attempt(ground);
    expect([ok, stdout + stderr]).toEqual([false, expect.stringContaining(says)]);
  });

  test.each(attacks.filter((it) => it.verdict === "contained"))("$way: contained", async ({ attempt }) => {
    expect(await attempt(ground)).toEqual({ got: false, control: true });
  });

  test.each(attacks.filter((it) => it.verdict === "outside"))("$way: gets out", async ({ attempt }) => {
    expect(await attempt(ground)).toEqual({ got: true, control: true });
  });

  test.each(attacks.filter((it) => it.verdict === "beyond"))("$way: gets out", async ({ attempt }) => {
    expect((await attempt(ground)).got).toBe(true);
  });
});

test("after all of it every sidecar is told what it was told before", async () => {
  expect(Object.keys(written)).toEqual(["osm-sidecar.default", "osm-sidecar.other"]);
  expect(await sidecarConfigs()).toEqual(written);
});

describe("the status", () => {
  let status: RolloutStatus;

  beforeAll(async () => {
    const { exitCode, stdout, stderr } = await ground.osm("reconcile");
    expect([exitCode, stdout + stderr]).toEqual([0, expect.anything()]);
    const text = await must(ground.admin(["get", "egr", "osm-config", "-n", "osm-system", "-o", "json"]));
    status = (JSON.parse(text) as { readonly status: RolloutStatus }).status;
  });

  const codesOf = (name: string) =>
    status.outsideGuarantee?.find(({ pod }) => pod === `${shop}/${name}`)?.reasons.map(({ code }) => code);

  test.each(ending("outside"))("$way: named as $code", ({ pod, code }) => {
    expect(codesOf(pod.name)).toContain(code);
  });

  test("counts each of them", () => {
    // Besides these: the one that shares its processes, and the one that sees the node's.
    expect(status.sidecars?.outsideGuarantee).toBe(ending("outside").length + 2);
    expect(status.outsideGuarantee?.length).toBe(ending("outside").length + 2);
  });

  test("does not name honest ones", () => {
    expect([plain, "server", "fake", "aliased"].map(codesOf)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("with osm install --strict nobody creates what is outside the guarantee", () => {
  // One that is older than its namespace's membership would get its sidecar now.
  const outside = ending("outside").filter(({ pod }) => pod.early !== true);

  beforeAll(async () => {
    const { exitCode, stdout, stderr } = await ground.osm("install", "--strict");
    expect([exitCode, stdout + stderr]).toEqual([0, expect.anything()]);
    await eventually("the policy is in force", async () => !(await created(asEver)).ok);
  });

  const asEver = shopPod("as-ever", { containers: [app({ securityContext: undefined })] });

  function created(pod: object) {
    return ground.mallory(["create", "--dry-run=server", "-f", "-"], pod);
  }

  test.each(outside)("$way: refused", async ({ pod, strictly }) => {
    const own = pod && shopPod(`strict-${pod.name}`, pod.spec?.(ground), pod.annotations);
    const { ok, stderr } = await (strictly ? strictly(ground) : created(own ?? {}));
    expect([ok, stderr]).toEqual([false, expect.stringContaining("osm-strict")]);
  });
});
