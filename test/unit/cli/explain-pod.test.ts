import { describe, expect, test } from "vitest";
import { egressCommand } from "#lib/cli/egress.ts";
import { statusText } from "#lib/cli/egress-status.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";

describe("which pod is meant", () => {
  test("a namespace without a pod is refused before anything is asked", async () => {
    const parsed = egressCommand().parseAsync(["status", "-n", "shop"], { from: "user" });
    await expect(parsed).rejects.toThrow("-n says nothing without --explain");
  });
});

describe("the mesh's status tells of pods outside the guarantee", () => {
  const reasons = [
    { code: "Privileged", message: "container app is privileged; set privileged to false" },
    { code: "AllowsUdp", message: "the pod lets UDP out; take it out" },
  ] as const;
  function status(outsideGuarantee: number): RolloutStatus {
    return {
      target: { digest: "d", egress: false },
      sidecars: { total: 3, verified: 3, rejected: 0, unreachable: 0, outsideGuarantee },
      outsideGuarantee: [{ pod: "shop/web-1", reasons }],
    };
  }

  test("one, by its reasons' codes", () => {
    const text = statusText(status(1), false);
    expect(text).toContain("Outside the guarantee, 1 pod (osm egress status --explain NAMESPACE/POD");
    expect(text).toMatch(/shop\/web-1 +Privileged, AllowsUdp$/);
  });

  test("in words, one line each, when it may be wide", () => {
    expect(statusText(status(1), true)).toMatch(
      /shop\/web-1 +Privileged: container app is privileged; set privileged to false\n +AllowsUdp: the pod lets UDP out; take it out\n/,
    );
  });

  test("more than are named", () => {
    expect(statusText(status(27), false)).toMatch(/, 27 pods \(.*\n {2}and 26 more: osm egress status --outside$/s);
  });

  test("none: not a word", () => {
    expect(statusText({ ...status(0), outsideGuarantee: [] }, true)).not.toContain("guarantee");
  });
});
