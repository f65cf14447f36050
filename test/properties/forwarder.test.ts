import fc from "fast-check";
import { expect, test } from "vitest";
import {
  emptyOutbox,
  giveBack,
  maxBatch,
  maxWaiting,
  type Outbox,
  type Outgoing,
  put,
  take,
} from "#lib/forwarder/outbox.ts";
import {
  type Arrival,
  bucketMs,
  dueMs,
  longestBucketMs,
  offer,
  type Pace,
  type Step,
  startPace,
  startPatienceMs,
  tick,
} from "#lib/forwarder/pace.ts";

/** An event carries the number of the newest change that had been seen when it was made. */
interface World {
  pace: Pace<number>;
  outbox: Outbox<number>;
  newest: number;
  /** The call that is under way, and the newest change known when it began. */
  call: { readonly batch: readonly Outgoing<number>[]; readonly covers: number } | undefined;
  /** For every call that got something in: the newest change known when it began. */
  readonly covered: number[];
}

const watches = ["ConfigMap", "Pod", "Service"];
const arrival = fc.record({
  afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 2_500 })),
  watch: fc.constantFrom(...watches),
  bucketMs: fc.integer({ min: bucketMs, max: longestBucketMs }),
  listed: fc.oneof({ weight: 1, arbitrary: fc.constant(true) }, { weight: 5, arbitrary: fc.constant(false) }),
});
/** For each sending: which of its events fail, as bits. */
const fates = fc.infiniteStream(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** maxBatch - 1 })));

function apply(world: World, step: Step<number>): void {
  world.pace = step.pace;
  for (const { change, urgent } of step.send) world.outbox = put(world.outbox, { event: change, urgent });
}

/** Ends the call that is under way, or begins the next. */
function proceed(world: World, fate: number): void {
  const { call } = world;
  if (call) {
    const failed = call.batch.filter((_, at) => (fate >> at) & 1);
    if (failed.length < call.batch.length) world.covered.push(call.covers);
    world.outbox = giveBack(world.outbox, failed);
    world.call = undefined;
  } else if (world.outbox.waiting.length > 0) {
    const { batch, outbox } = take(world.outbox);
    world.outbox = outbox;
    world.call = { batch, covers: world.newest };
  }
}

test("every change is followed by an event that gets in, whatever fails before", () => {
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 60 }), fates, (arrivals, fate) => {
      const world: World = {
        pace: startPace(watches, 0, 0),
        outbox: emptyOutbox(),
        newest: 0,
        call: undefined,
        covered: [],
      };
      let nowMs = 0;
      const runTo = (endMs: number) => {
        for (let due = dueMs(world.pace); due !== undefined && due <= endMs; due = dueMs(world.pace)) {
          apply(world, tick(world.pace, due));
          proceed(world, fate.next().value);
        }
      };
      for (const { afterMs, ...one } of arrivals) {
        runTo(nowMs + afterMs);
        nowMs += afterMs;
        world.newest++;
        apply(world, offer(world.pace, { ...one, urgent: one.watch === "ConfigMap", change: world.newest }, nowMs));
        proceed(world, fate.next().value);
      }
      const endMs = nowMs + Math.max(longestBucketMs, startPatienceMs);
      runTo(endMs);
      for (let left = 10; left > 0; left--) proceed(world, fate.next().value);
      // From here on everything gets in: two steps to a call, at least one event in each.
      for (let left = 2 * (maxWaiting + maxBatch); left > 0; left--) proceed(world, 0);
      expect(world.outbox.waiting).toEqual([]);
      expect(dueMs(world.pace)).toBeUndefined();
      expect(world.covered.at(-1)).toBe(world.newest);
    }),
  );
});

test("without failures every change of osm-config goes at once, and the rest at most once a second", () => {
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 60 }), (arrivals) => {
      let pace: Pace<string> = { start: undefined, waiting: undefined, sentMs: -longestBucketMs };
      const sent: { readonly urgent: boolean; readonly change: string; readonly atMs: number }[] = [];
      const apply = (step: Step<string>, atMs: number) => {
        pace = step.pace;
        sent.push(...step.send.map((one) => ({ ...one, atMs })));
      };
      const urgent: string[] = [];
      let nowMs = 0;
      for (const [at, { afterMs, ...one }] of arrivals.entries()) {
        nowMs += afterMs;
        for (let due = dueMs(pace); due !== undefined && due <= nowMs; due = dueMs(pace)) apply(tick(pace, due), due);
        const told: Arrival<string> = { ...one, urgent: one.watch === "ConfigMap", change: `${at} at ${nowMs}` };
        if (told.urgent) urgent.push(`${told.change} = ${nowMs}`);
        apply(offer(pace, told, nowMs), nowMs);
      }
      expect(sent.filter((one) => one.urgent).map((one) => `${one.change} = ${one.atMs}`)).toEqual(urgent);
      const bucket = sent.filter((one) => !one.urgent).map((one) => one.atMs);
      const gaps = bucket.slice(1).map((atMs, at) => atMs - (bucket[at] ?? 0));
      expect(Math.min(bucketMs, ...gaps)).toBe(bucketMs);
    }),
  );
});

test("an outbox is bounded, keeps its order and its newest event", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 3 * maxWaiting }), (urgencies) => {
      const full = urgencies.reduce((outbox, urgent, event) => put(outbox, { event, urgent }), emptyOutbox<number>());
      const events = full.waiting.map(({ event }) => event);
      expect(events.length).toBeLessThanOrEqual(maxWaiting);
      expect(events).toEqual(events.toSorted((a, b) => a - b));
      expect(events.length + full.absorbed).toBe(urgencies.length);
      const newestUrgent = urgencies.lastIndexOf(true);
      expect(events.includes(newestUrgent)).toBe(newestUrgent >= 0);
    }),
  );
});
