import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RolloutWait } from "#lib/cli/rollout-wait.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import type { Condition, RolloutStatus } from "#lib/rollout/status.ts";

const said: string[] = [];

beforeEach(() => {
  said.length = 0;
  vi.spyOn(console, "log").mockImplementation((line: string) => said.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** An API server whose EgressRollout has these statuses, one after the other. */
function statuses(...sequence: readonly RolloutStatus[]): KubeConnection {
  const left = [...sequence];
  return {
    server: "https://api",
    send: async () => {
      const status = left.length > 1 ? left.shift() : left[0];
      return { status: 200, text: JSON.stringify({ status }), serverTimeMs: undefined };
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
}

function condition(type: Condition["type"], status: Condition["status"]): Condition {
  return { type, status, reason: "R", message: `${type} ${status}`, lastTransitionTime: "2026-01-01T00:00:00Z" };
}

function status(egress: boolean, converged: Condition["status"], cut: Condition["status"]): RolloutStatus {
  return {
    observed: { resourceVersion: "7" },
    target: { digest: "d", egress },
    sidecars: { total: 2, verified: 2, rejected: 0, unreachable: 0 },
    conditions: [condition("Converged", converged), condition("EgressCut", cut)],
  };
}

async function wait(connection: KubeConnection, egress: boolean): Promise<readonly string[]> {
  const rollout = new RolloutWait(connection, "osm-system", egress, 300);
  rollout.resourceVersion = "7";
  const done: string[] = [];
  for (const step of rollout.steps) {
    await step.run(() => undefined);
    done.push(step.title);
  }
  rollout.report();
  return done;
}

const older: RolloutStatus = { ...status(false, "True", "True"), observed: { resourceVersion: "6" } };

test("on: until every sidecar is verified; an older status says nothing", async () => {
  const api = statuses(older, status(true, "False", "False"), status(true, "True", "False"));
  expect(await wait(api, true)).toEqual(["taken up", "sidecars verified"]);
  expect(said).toEqual(["egress is on: 2 of 2 sidecars verified"]);
  expect(process.exitCode).toBeUndefined();
});

test("off: until the cut", async () => {
  const api = statuses(status(false, "True", "False"), status(false, "True", "False"), status(false, "True", "True"));
  expect(await wait(api, false)).toContain("open egress connections cut");
});

test.each<[string, RolloutStatus, boolean, string]>([
  ["nobody takes it up", older, false, "nobody has taken the change up yet"],
  ["a sidecar differs", status(true, "False", "False"), true, "not there in time: Converged False"],
  ["a connection stays open", status(false, "True", "False"), false, "not there in time: EgressCut False"],
  ["somebody else changes it", status(false, "True", "True"), true, "somebody has set egress"],
])("%s: the command fails", async (_what, last, egress, message) => {
  await expect(wait(statuses(last), egress)).rejects.toThrow(message);
});

test("pods that did not answer are named, with exit code 3", async () => {
  const lagging = [{ pod: "shop/web-1", reason: "NoAnswer" }];
  await wait(statuses({ ...status(true, "True", "False"), lagging }), true);
  expect(said.join("\n")).toContain("shop/web-1");
  expect(process.exitCode).toBe(3);
});
