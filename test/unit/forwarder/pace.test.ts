import { describe, expect, test } from "vitest";
import {
  type Arrival,
  bucketMs,
  dueMs,
  longestBucketMs,
  offer,
  type Pace,
  podBucketMs,
  startPace,
  startPatienceMs,
  tick,
} from "#lib/forwarder/pace.ts";

const change = (name: string): Arrival<string> => ({
  watch: "Service",
  listed: false,
  urgent: false,
  bucketMs,
  change: name,
});
/** Of a pod, in a mesh of five thousand objects. */
const podChange = (name: string): Arrival<string> => ({ ...change(name), watch: "Pod", bucketMs: podBucketMs(5_000) });
const osmConfig = (name: string): Arrival<string> => ({
  watch: "ConfigMap",
  listed: false,
  urgent: true,
  bucketMs,
  change: name,
});
const list = (watch: string, urgent = false): Arrival<string> => ({
  watch,
  listed: true,
  urgent,
  bucketMs,
  change: `${watch}List`,
});

/** Arrivals at their times, with a clock that stops wherever something is due; what was sent, and when. */
function play(
  pace: Pace<string>,
  arrivals: readonly (readonly [atMs: number, arrival: Arrival<string>])[],
  untilMs: number,
): string[] {
  const sent: string[] = [];
  let now = pace;
  const take = (step: ReturnType<typeof tick<string>>, atMs: number) => {
    now = step.pace;
    sent.push(...step.send.map((one) => `${atMs} ${one.change}`));
  };
  const runTo = (endMs: number) => {
    for (let due = dueMs(now); due !== undefined && due <= endMs; due = dueMs(now)) take(tick(now, due), due);
  };
  for (const [atMs, arrival] of arrivals) {
    runTo(atMs);
    take(offer(now, arrival, atMs), atMs);
  }
  runTo(untilMs);
  return sent;
}

const running: Pace<string> = { start: undefined, waiting: undefined, sentMs: -bucketMs };

describe("once running", () => {
  test.each<[what: string, arrivals: [number, Arrival<string>][], sent: string[]]>([
    ["the first change goes at once", [[5, change("a")]], ["5 a"]],
    [
      "the ones within its second go together",
      [
        [0, change("a")],
        [1, change("b")],
        [999, change("c")],
      ],
      ["0 a", "1000 b"],
    ],
    [
      "one after its second goes at once",
      [
        [0, change("a")],
        [bucketMs, change("b")],
      ],
      ["0 a", "1000 b"],
    ],
    [
      "a stream of them is one a second",
      [
        [0, change("a")],
        [600, change("b")],
        [1200, change("c")],
        [1800, change("d")],
      ],
      ["0 a", "1000 b", "2000 c"],
    ],
    [
      "osm-config goes at once, each time",
      [
        [0, osmConfig("a")],
        [0, osmConfig("b")],
        [1, osmConfig("c")],
      ],
      ["0 a", "0 b", "1 c"],
    ],
    [
      "osm-config passes a bucket that waits",
      [
        [0, change("a")],
        [1, change("b")],
        [2, osmConfig("c")],
      ],
      ["0 a", "2 c", "1000 b"],
    ],
    [
      "a list counts like a change",
      [
        [0, change("a")],
        [1, list("Pod")],
      ],
      ["0 a", "1000 PodList"],
    ],
    [
      "a list of osm-config goes at once",
      [
        [0, change("a")],
        [1, list("ConfigMap", true)],
      ],
      ["0 a", "1 ConfigMapList"],
    ],
  ])("%s", (_what, arrivals, sent) => {
    expect(play(running, arrivals, 10_000)).toEqual(sent);
  });
});

describe("in a large mesh", () => {
  test("a stream of pods is slower: every event costs a list of it", () => {
    const stream = Array.from({ length: 10 }, (_, at): [number, Arrival<string>] => [at * 500, podChange(`${at}`)]);
    expect(play({ ...running, sentMs: -2_500 }, stream, 10_000)).toEqual(["0 0", "2500 1", "5000 5"]);
  });

  test("what makes other pods start does not wait for that, and takes the pods with it", () => {
    const arrivals: [number, Arrival<string>][] = [
      [0, podChange("a")],
      [100, podChange("b")],
      [200, change("account")],
      [1_500, podChange("c")],
    ];
    expect(play({ ...running, sentMs: -2_500 }, arrivals, 10_000)).toEqual(["0 a", "1000 b", "3500 c"]);
  });

  test.each([
    [0, bucketMs],
    [2_000, bucketMs],
    [5_000, 2_500],
    [10_500, longestBucketMs],
    [100_000, longestBucketMs],
  ])("of %i objects a pod's change waits %i ms after the last event", (objects, wanted) => {
    expect(podBucketMs(objects)).toBe(wanted);
  });
});

describe("a start", () => {
  const starting = startPace(["ConfigMap", "Pod"], "start", 0);

  test.each<[what: string, arrivals: [number, Arrival<string>][], sent: string[]]>([
    [
      "sends one event when all are listed",
      [
        [10, list("ConfigMap", true)],
        [30, list("Pod")],
      ],
      ["30 ConfigMapList"],
    ],
    [
      "in any order",
      [
        [10, list("Pod")],
        [30, list("ConfigMap", true)],
      ],
      ["30 ConfigMapList"],
    ],
    ["waits no longer than its patience", [[10, list("Pod")]], [`${startPatienceMs} start`]],
    ["sends it though nothing is found", [], [`${startPatienceMs} start`]],
    ["is followed by a list that came too late", [[1500, list("Pod")]], ["1000 start", "2000 PodList"]],
    [
      "takes in what changed meanwhile",
      [
        [1, change("a")],
        [10, list("ConfigMap", true)],
        [30, list("Pod")],
      ],
      ["30 ConfigMapList"],
    ],
    [
      "does not hold back osm-config",
      [
        [1, osmConfig("a")],
        [10, list("ConfigMap", true)],
        [30, list("Pod")],
      ],
      ["1 a", "30 ConfigMapList"],
    ],
    [
      "knows a second list from a first",
      [
        [1, list("Pod")],
        [2, list("Pod")],
        [10, list("ConfigMap", true)],
      ],
      ["10 ConfigMapList"],
    ],
  ])("%s", (_what, arrivals, sent) => {
    expect(play(starting, arrivals, 10_000)).toEqual(sent);
  });
});

test("ticks that come early or for nothing change nothing", () => {
  const waiting: Pace<string> = { start: undefined, waiting: { change: "a", bucketMs }, sentMs: 100 - bucketMs };
  expect(tick(waiting, 99)).toEqual({ pace: waiting, send: [] });
  expect(tick(running, 99)).toEqual({ pace: running, send: [] });
});
