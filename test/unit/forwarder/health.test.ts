import { describe, expect, test } from "vitest";
import { Health } from "#lib/forwarder/health.ts";

const opened = () => {
  const health = new Health(
    new Map([
      ["ConfigMap", 40_000],
      ["Pod", 95_000],
    ]),
  );
  health.hear("ConfigMap", 1_000);
  health.hear("Pod", 1_000);
  return health;
};

test("before every watch has been answered it is not well", () => {
  const health = new Health(
    new Map([
      ["ConfigMap", 40_000],
      ["Pod", 95_000],
    ]),
  );
  health.hear("Pod", 1_000);
  expect(health.ailments(1_000, 0)).toEqual(["watch ConfigMap: not open yet"]);
});

describe("then", () => {
  test.each<readonly [string, number, number, readonly string[]]>([
    ["well", 2_000, 0, []],
    ["quiet for as long as a good watch may be", 41_000, 0, []],
    ["one watch deaf", 41_001, 0, ["watch ConfigMap: nothing heard for 40 s"]],
    ["both deaf", 96_001, 0, ["watch ConfigMap: nothing heard for 95 s", "watch Pod: nothing heard for 95 s"]],
    ["events on their way", 2_000, 60_000, []],
    ["events that do not get in", 2_000, 60_001, ["events not in for 60 s"]],
  ])("%s", (_what, nowMs, unsentMs, ailments) => {
    expect(opened().ailments(nowMs, unsentMs)).toEqual(ailments);
  });

  test("heard again, well again", () => {
    const health = opened();
    expect(health.ailments(50_000, 0)).toHaveLength(1);
    health.hear("ConfigMap", 50_000);
    expect(health.ailments(50_000, 0)).toEqual([]);
  });
});
