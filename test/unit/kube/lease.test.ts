import { describe, expect, test } from "vitest";
import { Lease, leaseNumber, readLease, ServerClock } from "#lib/kube/lease.ts";
import { annotations } from "#lib/mesh/names.ts";
import { LeaseApi } from "./lease-api.ts";

const mark = { [annotations.lookAgain]: "true" };

async function opened(api = new LeaseApi()) {
  const clock = new ServerClock();
  const seen = () => readLease(api.connection, "osm-system", clock);
  const lease = (holder: string, seconds?: number) =>
    new Lease(api.connection, "osm-system", { holder, seconds }, clock);
  return { api, seen, mine: lease("me"), other: lease("other"), brief: lease("brief", 2) };
}

/** Taken by "me", who was number 1. */
async function held() {
  const world = await opened();
  const taken = await world.mine.take(await world.seen(), 0);
  if (!taken) throw new Error("not taken");
  return { ...world, taken };
}

describe("taking", () => {
  test.each([
    [undefined, 0, 1],
    [undefined, 41, 42],
    [7, 0, 8],
    [7, 41, 42],
  ])("from number %s, ConfigMaps at %i: %i", async (transitions, atLeast, number) => {
    const { api, seen, mine } = await opened();
    if (transitions !== undefined) api.write({ leaseTransitions: transitions });
    expect(await mine.take(await seen(), atLeast)).toMatchObject({ number, marked: false });
    expect(api.stored?.spec).toMatchObject({
      holderIdentity: "me",
      leaseTransitions: number,
      leaseDurationSeconds: 20,
    });
    expect(await leaseNumber(api.connection, "osm-system")).toBe(number);
  });

  test("somebody was faster, on a Lease that was there and on none", async () => {
    for (const there of [true, false]) {
      const { api, seen, mine, other } = await opened();
      if (there) api.write({});
      const before = await seen();
      await other.take(before, 0);
      expect(await mine.take(before, 0)).toBeUndefined();
      expect(api.stored?.spec.holderIdentity).toBe("other");
    }
  });
});

describe("expiry, by the API server's clock", () => {
  test("the first Lease of all has the server's time too", async () => {
    const { api, seen, mine } = await opened();
    await mine.take(await seen(), 0);
    const written = Date.parse(api.stored?.spec.renewTime ?? "");
    expect(Math.abs(written - api.nowMs)).toBeLessThan(5_000);
  });

  test.each([
    [19_000, false],
    [20_001, true],
  ])("%i ms after the last sign of life", async (silentMs, expired) => {
    const { api, seen } = await opened();
    api.write({ holderIdentity: "dead", renewTime: new Date(api.nowMs - silentMs).toISOString() });
    expect(await seen()).toMatchObject({ holder: "dead", expired });
  });

  test.each([
    ["2999-01-01T00:00:00.000000Z", 20, true],
    ["no time", 20, true],
    [-20_000, 20, false],
    [-21_000, 20, true],
    [19_000, 2_000_000_000, false],
    [20_001, 2_000_000_000, true],
    [5_001, 5, true],
    [4_999, 5, false],
  ])("a holder who says that he renewed at %s (ms ago, or as it stands) and for %i s", async (said, lasts, expired) => {
    const { api, seen } = await opened();
    const renewTime = typeof said === "string" ? said : new Date(api.nowMs - said).toISOString();
    api.write({ holderIdentity: "x", renewTime, leaseDurationSeconds: lasts });
    expect(await seen()).toMatchObject({ holder: "x", expired });
  });

  test("of a stage's own time: what stands in the Lease, and when it is to be renewed", async () => {
    const { api, seen, brief } = await opened();
    expect(await brief.take(await seen(), 0)).toMatchObject({ goodForMs: 2_000 });
    expect(api.stored?.spec.leaseDurationSeconds).toBe(2);
    expect((await seen())?.expired).toBe(false);
    api.nowMs += 4_000;
    expect((await seen())?.expired).toBe(true);
  });

  test("who marks another's Lease leaves it its time", async () => {
    const { api, seen, mine, brief } = await opened();
    await mine.take(await seen(), 0);
    const lease = await seen();
    if (!lease) throw new Error("no Lease");
    expect(await brief.mark(lease)).toBe(true);
    expect(api.stored?.spec).toMatchObject({ holderIdentity: "me", leaseDurationSeconds: 20 });
  });

  test("a mark, or fifty, is no sign of life", async () => {
    const { api, seen, mine } = await opened();
    const renewTime = new Date(api.nowMs).toISOString();
    api.write({ holderIdentity: "dead", renewTime });
    for (let index = 0; index < 50; index++) {
      const lease = await seen();
      if (!lease) throw new Error("no Lease");
      expect(await mine.mark(lease)).toBe(true);
      api.nowMs += 1_000;
    }
    expect(api.stored?.spec).toMatchObject({ renewTime, holderIdentity: "dead" });
    expect(await seen()).toMatchObject({ expired: true });
  });
});

test("a mark on a Lease that has changed since is no mark", async () => {
  const { api, seen, other, taken, mine } = await held();
  const before = await seen();
  if (!before) throw new Error("no Lease");
  await mine.release(taken);
  expect(await other.mark(before)).toBe(false);
  expect(api.stored?.metadata.annotations).toBeUndefined();
});

describe("letting go", () => {
  test("unmarked", async () => {
    const { api, mine, taken } = await held();
    expect(await mine.release(taken)).toBe("released");
    expect(api.stored?.spec).toMatchObject({ holderIdentity: "", leaseTransitions: 1 });
  });

  test.each([1, 2, 5])("marked by %i passes: told once, and the next holder starts unmarked", async (marks) => {
    const { api, seen, mine, other, taken } = await held();
    for (let index = 0; index < marks; index++) {
      const lease = await seen();
      expect(lease && (await other.mark(lease))).toBe(true);
    }
    expect(await mine.release(taken)).toBe("marked");
    expect(api.stored?.metadata.annotations).toBeUndefined();
    expect(await mine.take(await seen(), 0)).toMatchObject({ number: 2, marked: false });
  });

  test("a mark between the renewal's two requests is not lost", async () => {
    const { api, mine, taken } = await held();
    api.write({}, mark);
    const renewed = await mine.renew(taken);
    expect(renewed).toMatchObject({ number: 1, marked: true });
    expect(renewed !== "lost" && (await mine.release(renewed))).toBe("marked");
  });

  test.each(["release", "renew"] as const)(
    "%s of one that somebody else has taken meanwhile: lost, and left alone",
    async (verb) => {
      const { api, mine, taken } = await held();
      api.write({ holderIdentity: "other", leaseTransitions: 2 });
      expect(await mine[verb](taken)).toBe("lost");
      expect(api.stored?.spec).toMatchObject({ holderIdentity: "other", leaseTransitions: 2 });
    },
  );

  test.each(["release", "renew"] as const)("%s of one that is gone: lost", async (verb) => {
    const { api, mine, taken } = await held();
    api.stored = undefined;
    expect(await mine[verb](taken)).toBe("lost");
    expect(await leaseNumber(api.connection, "osm-system")).toBeUndefined();
  });
});

test("renewing moves the time, not the number", async () => {
  const { api, mine, taken } = await held();
  const before = api.stored?.spec.renewTime ?? "";
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await mine.renew(taken)).toMatchObject({ number: 1, marked: false });
  expect(Date.parse(api.stored?.spec.renewTime ?? "")).toBeGreaterThan(Date.parse(before));
});
