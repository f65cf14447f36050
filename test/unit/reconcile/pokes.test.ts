import { expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import { Pokes } from "#lib/reconcile/pokes.ts";
import type { ObservedPod } from "#lib/rollout/observation.ts";

const note = { digest: `on-${"0".repeat(32)}`, atMs: 0 };
const silent = { info: () => undefined, error: () => undefined };

test("an API server that takes no poke of a large mesh is some lines in the log, not one for every pod", async () => {
  const lines: unknown[] = [];
  const refusal = new EgressError("api-unavailable", "PATCH: 504");
  const pokes = new Pokes(
    { poke: () => Promise.reject(refusal) },
    { ...silent, warn: (message, fields) => lines.push([message, fields]) },
  );
  for (let at = 0; at < 50; at++) {
    const pod = { namespace: "shop", name: `web-${at}` } as ObservedPod;
    expect(await pokes.send(pod, note)).toBe(refusal);
  }
  pokes.end();
  expect(lines).toHaveLength(21);
  expect(lines[0]).toEqual(["pod not poked", { pod: "shop/web-0", problem: "[api-unavailable] PATCH: 504" }]);
  expect(lines.at(-1)).toEqual(["more pokes refused", { pokes: 30 }]);
});

test("a failure that is no answer of the API server is not taken for one", async () => {
  const failure = new TypeError("our own");
  const pokes = new Pokes({ poke: () => Promise.reject(failure) }, { ...silent, warn: () => undefined });
  await expect(pokes.send({ namespace: "shop", name: "web-1" } as ObservedPod, note)).rejects.toBe(failure);
});
