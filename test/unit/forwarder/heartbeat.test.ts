import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startHeartbeat } from "#lib/forwarder/heartbeat.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A forwarder that is what the test says, and when it said that it is well: seconds after the start. */
function started(renew: () => Promise<void> = async () => undefined) {
  const startMs = performance.now();
  const state = { ailments: ["watch Pod: not open yet"] as readonly string[] };
  const renewed: number[] = [];
  const told: string[] = [];
  const stop = startHeartbeat({
    ailments: () => state.ailments,
    renew: async () => {
      renewed.push((performance.now() - startMs) / 1_000);
      await renew();
    },
    onTurn: (ailments) => told.push(ailments.join() || "well"),
    onTrouble: (trouble) => told.push(String(trouble)),
  });
  return { state, renewed, told, stop };
}
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1_000);

test("it says so as soon as all is well, and then every 30 s", async () => {
  const { state, renewed, told } = started();
  await pass(10);
  expect(renewed).toEqual([]);
  state.ailments = [];
  await pass(70);
  expect(renewed).toEqual([11, 41, 71]);
  expect(told).toEqual([]);
});

test("it falls silent while something is wrong, tells once, and speaks again at once", async () => {
  const { state, renewed, told } = started();
  state.ailments = [];
  await pass(2);
  state.ailments = ["events not in for 61 s"];
  await pass(120);
  expect(renewed).toEqual([1]);
  state.ailments = [];
  await pass(1);
  expect(renewed).toEqual([1, 123]);
  expect(told).toEqual(["events not in for 61 s", "well"]);
});

test("what was not taken is tried again after 5 s", async () => {
  let refusals = 2;
  const { state, renewed, told } = started(async () => {
    if (refusals-- > 0) throw new Error("403");
  });
  state.ailments = [];
  await pass(45);
  expect(renewed).toEqual([1, 6, 11, 41]);
  expect(told).toEqual(["Error: 403", "Error: 403"]);
});

test("one that is under way is not followed by another", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { state, renewed } = started(() => promise);
  state.ailments = [];
  await pass(90);
  expect(renewed).toEqual([1]);
  resolve();
  await pass(1);
  expect(renewed).toEqual([1, 91]);
});

test("stopped, it says nothing more", async () => {
  const { state, renewed, stop } = started();
  state.ailments = [];
  await pass(1);
  stop();
  await pass(120);
  expect(renewed).toEqual([1]);
});
