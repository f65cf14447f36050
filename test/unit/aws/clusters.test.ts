import { beforeEach, describe, expect, test } from "vitest";
import type { ClusterSettings } from "#lib/aws/cluster-connection.ts";
import { type Clusters, keptMs, openClusters, silentMs } from "#lib/aws/clusters.ts";
import { EgressError } from "#lib/errors.ts";
import type { KubeRequest } from "#lib/kube/connection.ts";
import type { TokenConnection } from "#lib/kube/token-connection.ts";

/** How a cluster takes a request: after so many ms of its own clock with an answer, or in vain. */
interface Manner {
  readonly takesMs: number;
  readonly answers: boolean;
}
const well: Manner = { takesMs: 10, answers: true };
const refusing: Manner = { takesMs: 1, answers: false };
const swallowing: Manner = { takesMs: Infinity, answers: false };

/** Of a pass that has just begun. */
const pass60 = { msLeft: () => 60_000 };

let nowMs: number;
let manner: Manner;
let reached: number;
let sent: number;
let closed: number;
/** So many look-ups fail. */
let unreachable: number;
let clusters: Clusters;

const connection: TokenConnection = {
  server: "https://shop",
  async send({ timeoutMs = 10_000 }: KubeRequest) {
    sent++;
    nowMs += Math.min(manner.takesMs, timeoutMs);
    if (manner.answers && manner.takesMs <= timeoutMs) return { status: 503, text: "", serverTimeMs: undefined };
    throw new EgressError("api-unavailable", "GET /lease: no answer from https://shop: timeout", new Error("timeout"));
  },
  stream: () => {
    throw new Error("nobody streams");
  },
  close: () => {
    closed++;
  },
};

beforeEach(() => {
  [nowMs, manner, reached, sent, closed, unreachable] = [1_000_000, well, 0, 0, 0, 0];
  clusters = openClusters({} as ClusterSettings, {
    reach: async () => {
      reached++;
      if (unreachable-- > 0) throw new EgressError("aws-unavailable", "DescribeCluster shop: too many requests");
      return { connection, advice: "is there a route?", principal: "role/fleet" };
    },
    nowMs: () => nowMs,
  });
});

/** As a pass does it: the first request is tried three times in all, and so is the look. */
async function pass(id = "shop"): Promise<unknown> {
  return clusters
    .use(id, pass60, async ({ send }) => {
      let last: unknown;
      for (let attempt = 0; attempt < 9; attempt++) {
        try {
          return await send({ method: "GET", path: "/lease" });
        } catch (error) {
          if (!(error instanceof EgressError)) throw error;
          last = error;
        }
      }
      throw last;
    })
    .catch((error: unknown) => error);
}
const tookMs = async (id?: string) => {
  const before = nowMs;
  return { result: await pass(id), ms: nowMs - before };
};

test("a cluster that is well is reached once, and asked for as long as anybody likes", async () => {
  await pass();
  manner = { takesMs: 4_000, answers: true };
  await pass();
  expect([reached, sent]).toEqual([1, 2]);
});

test.each([
  [keptMs - 1, 1],
  [keptMs, 2],
])("%i ms later it has been looked up %i times: its tags may have changed", async (ms, times) => {
  const firstMs = nowMs;
  await pass();
  nowMs = firstMs + ms;
  await pass();
  expect(reached).toBe(times);
});

test("the connections of one that a pass failed on are closed, and so are those that are too old", async () => {
  await pass();
  nowMs += keptMs;
  await pass();
  expect(closed).toBe(1);
  manner = refusing;
  await pass();
  await Promise.resolve();
  expect(closed).toBe(2);
});

test("what was prepared in vain is forgotten, though nobody came to use it", async () => {
  unreachable = 1;
  clusters.prepare({ cluster: "shop" });
  await new Promise((resolve) => setImmediate(resolve));
  await expect(clusters.use("shop", pass60, async () => "done")).resolves.toBe("done");
});

test("once it has answered, a request has its own time", async () => {
  manner = { takesMs: 4_900, answers: true };
  const statuses = await clusters.use("shop", pass60, async ({ send }) => {
    const first = await send({ method: "GET", path: "/lease" });
    manner = { takesMs: 25_000, answers: true };
    return [first.status, (await send({ method: "GET", path: "/pods", timeoutMs: 30_000 })).status];
  });
  expect(statuses).toEqual([503, 503]);
});

test.each([
  ["swallows what it is sent", swallowing, 10_000],
  ["takes longer than 5 s for its first answer", { takesMs: 5_001, answers: true }, 10_000],
  ["refuses connections", refusing, 9],
])("one that %s costs its pass ten seconds at most, and says where to look", async (_, one, ms) => {
  manner = one;
  const first = await tookMs();
  expect(first.ms).toBe(ms);
  expect(first.result).toMatchObject({
    reason: "api-unavailable",
    message: "[api-unavailable] shop: GET /lease: no answer from https://shop: timeout; is there a route?",
  });
});

describe("one that was silent", () => {
  beforeEach(async () => {
    manner = swallowing;
    await pass();
    [sent, reached] = [0, 0];
  });

  test("is not asked again at once, nor looked up", async () => {
    nowMs += 12_000;
    clusters.prepare({ cluster: "shop" });
    const { result, ms } = await tookMs();
    expect(result).toMatchObject({
      reason: "api-unavailable",
      message: "[api-unavailable] shop: not asked, it did not answer 12 s ago",
    });
    expect([ms, sent, reached]).toEqual([0, 0, 0]);
  });

  test("another one is", async () => {
    manner = well;
    expect(await pass("bank")).toMatchObject({ status: 503 });
  });

  test("is asked again after half a minute, once; and left alone for as long again", async () => {
    nowMs += silentMs - 1;
    expect((await tookMs()).ms).toBe(0);
    nowMs += 1;
    expect((await tookMs()).ms).toBe(5_000);
    expect([sent, reached]).toEqual([1, 1]);
    nowMs += silentMs - 1;
    expect((await tookMs()).ms).toBe(0);
  });

  test("and answers then is as good as any other", async () => {
    nowMs += silentMs;
    manner = well;
    expect(await pass()).toMatchObject({ status: 503 });
    // With both its tries again.
    manner = swallowing;
    expect((await tookMs()).ms).toBe(10_000);
  });
});

test("one that falls silent in the middle of a pass, and is asked again and again: the pass ends in time", async () => {
  const endMs = nowMs + 60_000;
  const problems: unknown[] = [];
  await clusters.use("shop", { msLeft: () => endMs - nowMs }, async ({ send }) => {
    await send({ method: "GET", path: "/lease" });
    manner = swallowing;
    for (let attempt = 0; attempt < 6; attempt++) {
      await send({ method: "GET", path: "/pods", timeoutMs: 30_000 }).catch((error: unknown) => problems.push(error));
    }
  });
  // Whoever is killed cannot say why, and Lambda takes it for an error of the function.
  expect(endMs - nowMs).toBe(2_000);
  expect(String(problems.at(-1))).toContain("[api-unavailable] GET /pods: not sent: the pass has no time left");
});

test("one that falls silent in the middle of a pass is not left alone: it has just answered", async () => {
  const midway = clusters.use("shop", pass60, async ({ send }) => {
    await send({ method: "GET", path: "/lease" });
    manner = swallowing;
    return send({ method: "GET", path: "/pods" });
  });
  await expect(midway).rejects.toThrow(/^\[api-unavailable\] GET \/lease/);
  manner = well;
  expect(await pass()).toMatchObject({ status: 503 });
});

test("one that does not know the function: who it came as, and what may be missing", async () => {
  const refused = new EgressError("api-unauthenticated", "GET /lease: 401 Unauthorized");
  const refusing401 = clusters.use("shop", pass60, async ({ send }) => {
    await send({ method: "GET", path: "/lease" });
    throw refused;
  });
  await expect(refusing401).rejects.toMatchObject({
    message:
      "[api-unauthenticated] shop: GET /lease: 401 Unauthorized; has the cluster an access entry for role/fleet?",
    cause: refused,
  });
  // Without credentials nobody has asked the cluster.
  const without = new EgressError("api-unauthenticated", "no credentials for https://shop");
  const failing = clusters.use("shop", pass60, async () => {
    throw without;
  });
  await expect(failing).rejects.toBe(without);
});

test("whatever a pass fails of, the cluster is looked up anew", async () => {
  const failing = clusters.use("shop", pass60, async () => {
    throw new EgressError("api-forbidden", "GET /lease: 403");
  });
  await expect(failing).rejects.toThrow("[api-forbidden] GET /lease: 403");
  await pass();
  expect(reached).toBe(2);
});

test("what cannot be looked up fails for what it is, and is looked up the next time", async () => {
  const failure = new EgressError("cluster-unknown", "DescribeCluster shop: no such cluster");
  let tries = 0;
  const unknown = openClusters({} as ClusterSettings, {
    reach: async () => {
      tries++;
      throw failure;
    },
  });
  for (let attempt = 0; attempt < 2; attempt++) {
    unknown.prepare({ cluster: "shop" });
    await expect(unknown.use("shop", pass60, async () => undefined)).rejects.toBe(failure);
  }
  expect(tries).toBe(2);
});
