import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { EgressError } from "#lib/errors.ts";
import { connectionTo, type KubeConnection } from "#lib/kube/connection.ts";
import { longestSilenceMs, type Seen, type WatchTarget, watch } from "#lib/kube/watch.ts";
import { eventually } from "#test/eventually.ts";

const pods: WatchTarget = {
  resource: { apiVersion: "v1", plural: "pods", namespaced: true },
  labelSelector: "a=b",
  lifeSeconds: 60,
};
const nameOf = (object: unknown) => (object as { metadata: { name: string } }).metadata.name;
const object = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });
const line = (type: string, name: string, resourceVersion: string) =>
  JSON.stringify({ type, object: object(name, resourceVersion) });

/** A server that follows a script: what lists and watches answer, one after the other; at its end it falls silent. */
function scripted(
  script: readonly (object | readonly string[] | EgressError)[],
): KubeConnection & { readonly asked: string[] } {
  const left = [...script];
  const asked: string[] = [];
  const ask = (query: Readonly<Record<string, unknown>> | undefined) => {
    asked.push(
      `${query?.["watch"] ? `watch ${query["resourceVersion"]}` : `list ${query?.["continue"] ?? ""}`}`.trim(),
    );
    return left.shift();
  };
  return {
    server: "https://scripted",
    asked,
    async send({ query }) {
      const answer = ask(query);
      if (answer instanceof EgressError) throw answer;
      return { status: 200, text: JSON.stringify(answer), serverTimeMs: undefined };
    },
    async *stream({ query }, signal) {
      const answer = ask(query);
      if (answer instanceof EgressError) throw answer;
      if (Array.isArray(answer)) yield* answer as string[];
      else await sleep(60_000, undefined, { signal });
    },
  };
}

async function play(connection: KubeConnection, untilSeen: number): Promise<{ seen: string[]; troubles: string[] }> {
  const stop = new AbortController();
  const seen: string[] = [];
  const troubles: string[] = [];
  const onSeen = (one: Seen<string>) => {
    seen.push(one.kind === "listed" ? `listed ${one.objects.join(" ")}` : `${one.kind} ${one.object}`);
    if (seen.length === untilSeen) stop.abort();
  };
  const reduce = (decoded: unknown) => (nameOf(decoded).startsWith("-") ? undefined : nameOf(decoded));
  await watch(
    connection,
    pods,
    { reduce, onSeen, onTrouble: (trouble) => troubles.push(String(trouble)) },
    stop.signal,
  );
  return { seen, troubles };
}

test("pages make one list, and what is reduced to nothing is left out", async () => {
  const connection = scripted([
    { metadata: { resourceVersion: "5", continue: "next" }, items: [object("a", "1"), object("-b", "2")] },
    { metadata: { resourceVersion: "5" }, items: [object("c", "3")] },
    [line("ADDED", "-d", "6"), line("BOOKMARK", "", "8"), line("DELETED", "c", "9")],
  ]);
  const { seen } = await play(connection, 2);
  expect(seen).toEqual(["listed a c", "deleted c"]);
  expect(connection.asked).toEqual(["list", "list next", "watch 5"]);
});

test("it resumes after the last line, bookmarks included, and lists again only when it must", async () => {
  const connection = scripted([
    { metadata: { resourceVersion: "5" }, items: [] },
    [line("ADDED", "a", "6"), line("BOOKMARK", "", "8")],
    new EgressError("api-unavailable", "no answer"),
    [line("MODIFIED", "a", "9"), "half a li"],
    [JSON.stringify({ type: "ERROR", object: { code: 410, message: "too old resource version" } })],
    new EgressError("api-unavailable", "no answer"),
    { metadata: { resourceVersion: "20" }, items: [object("a", "9")] },
  ]);
  const { seen, troubles } = await play(connection, 4);
  expect(seen).toEqual(["listed ", "added a", "modified a", "listed a"]);
  expect(connection.asked).toEqual(["list", "watch 5", "watch 8", "watch 8", "watch 9", "list", "list"]);
  expect(troubles).toHaveLength(4);
});

test("a page token that expired starts the list anew", async () => {
  const connection = scripted([
    { metadata: { resourceVersion: "5", continue: "next" }, items: [object("a", "1")] },
    new EgressError("version-expired", "continue token"),
    { metadata: { resourceVersion: "7" }, items: [object("b", "6")] },
  ]);
  expect((await play(connection, 1)).seen).toEqual(["listed b"]);
  expect(connection.asked).toEqual(["list", "list next", "list"]);
});

test("an answer that is no list is not taken for an empty one", async () => {
  const connection = scripted([{}, { metadata: { resourceVersion: "7" }, items: [object("b", "6")] }]);
  const { seen, troubles } = await play(connection, 1);
  expect(seen).toEqual(["listed b"]);
  expect(troubles).toEqual([expect.stringContaining("list pods: the answer is no list")]);
});

test("a list that nobody answers ends with the signal", async () => {
  const mute = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(mute, "listening");
  const { port } = mute.address() as AddressInfo;
  const identity = async () => ({ headers: {}, dispatcher: undefined });
  const connection = connectionTo(`http://127.0.0.1:${port}`, identity);
  const stop = new AbortController();
  const startedMs = performance.now();
  const ignore = { reduce: () => undefined, onSeen: () => undefined, onTrouble: () => undefined };
  const watching = watch(connection, pods, ignore, stop.signal);
  await once(mute, "connection");
  stop.abort();
  await watching;
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  mute.close();
});

describe("a watch is heard", () => {
  const sorry = new EgressError("api-forbidden", "403");

  async function heard(...script: Parameters<typeof scripted>[0]): Promise<number> {
    const stop = new AbortController();
    const connection = scripted(script);
    let count = 0;
    const ignore = { reduce: () => undefined, onSeen: () => undefined, onTrouble: () => undefined };
    const watching = watch(connection, pods, { ...ignore, onHeard: () => count++ }, stop.signal);
    // The one after the script is silent until the signal.
    await eventually("the script is over", () => connection.asked.length > script.length);
    stop.abort();
    await watching;
    return count;
  }

  test.each<readonly [string, number, Parameters<typeof scripted>[0]]>([
    ["when it is listed", 1, [{ metadata: { resourceVersion: "5" }, items: [] }]],
    [
      "at every line, bookmarks included",
      3,
      [{ metadata: { resourceVersion: "5" }, items: [] }, [line("ADDED", "a", "6"), line("BOOKMARK", "", "8")]],
    ],
    ["not when it is refused", 1, [sorry, { metadata: { resourceVersion: "5" }, items: [] }, sorry]],
    ["not when a stream ends that has not begun", 1, [{ metadata: { resourceVersion: "5" }, items: [] }, []]],
  ])("%s", async (_what, times, script) => {
    expect(await heard(...script)).toBe(times);
  });

  test("when a stream ends that has had its time, though nothing came", async () => {
    vi.useFakeTimers();
    const stop = new AbortController();
    let count = 0;
    const connection = scripted([{ metadata: { resourceVersion: "5" }, items: [] }]);
    const quiet: KubeConnection = {
      ...connection,
      async *stream(_request, signal) {
        await new Promise((resolve) => {
          setTimeout(resolve, 60_000);
          signal.addEventListener("abort", resolve);
        });
        yield* [];
      },
    };
    const ignore = { reduce: () => undefined, onSeen: () => undefined, onTrouble: () => undefined };
    const watching = watch(quiet, pods, { ...ignore, onHeard: () => count++ }, stop.signal);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(count).toBe(2);
    stop.abort();
    vi.useRealTimers();
    await watching;
  });

  test("within the life of a stream, its grace, and the way to the next", () => {
    expect(longestSilenceMs(pods)).toBe(75_000 + 5_000 + 5_000 + 10_000);
  });
});
