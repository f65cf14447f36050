import type { SQSEvent } from "aws-lambda";
import fc from "fast-check";
import { expect, test } from "vitest";
import { runQueuedPass } from "#lib/aws/queued-pass.ts";
import type { BusEntry } from "#lib/events/fields.ts";
import { driftCheckDue, type Hint, objectAudited, objectChanged, revisionApplied } from "#lib/events/hint-event.ts";
import { isFull } from "#test/world/counts.ts";

const events = isFull ? 20_000 : 1_000;
const own = "111122223333";
const figures = { requests: 1, writes: 0, pokes: 0, asks: 0, sidecars: 0, verified: 0, findings: 0, tookMs: 1 };

const sent = { id: "m-1", version: 1, cluster: "shop", time: "2026-11-20T10:00:00.123Z" } as const;
const object = { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" };
const owner = { kind: "Kustomization", namespace: "flux-system", name: "mesh" };
const requested: BusEntry = {
  source: "my.script",
  detailType: "Egress Reconcile Requested",
  detail: { cluster: "shop", metadata: sent },
};
const good: readonly BusEntry[] = [
  objectChanged(sent, { object, resourceVersion: "42", actor: "kubectl" }),
  objectAudited(sent, { object, actor: "ann" }),
  revisionApplied(sent, { revision: "main@sha1:abc", owner }),
  driftCheckDue(sent),
  requested,
];

type Tree = { [key: string]: unknown };

function envelope({ source, detailType, detail }: BusEntry): Tree {
  const event = { version: "0", id: "e-1", source, account: own, time: "2026-11-20T10:00:01Z" };
  return structuredClone({ ...event, "detail-type": detailType, detail }) as Tree;
}

/** Without any of these there is no event, or nobody knows of which cluster. */
function required(entry: BusEntry): readonly string[] {
  const outer = ["id", "source", "account", "time", "detail-type", "detail"];
  if (entry.source === "my.script") return [...outer, "detail.cluster"];
  const inner = ["detail.metadata", ...["id", "version", "cluster", "time"].map((key) => `detail.metadata.${key}`)];
  const changed = entry.detailType === "OSM Object Changed" ? ["detail.object", "detail.object.kind"] : [];
  return [...outer, ...inner, ...changed, ...(entry.source === "osm.gitops" ? ["detail.revision"] : [])];
}

/** Sets, or with undefined removes, what is at this path. */
function set(tree: Tree, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  const at = keys.reduce<Tree>((node, key) => node[key] as Tree, tree);
  if (value === undefined) delete at[last];
  else at[last] = value;
}

interface Fuzzed {
  readonly body: string;
  /** The path that is wrong; undefined where nothing is; "anything" where nobody can tell. */
  readonly wrong: string | undefined;
}

/** No text, so wrong wherever text is wanted, and no object either. */
const noValue = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, 0, -1, 2, 1.5, ""),
  fc.array(fc.jsonValue(), { maxLength: 2 }),
  fc.constant("x".repeat(300)),
);
const entry = fc.constantFrom(...good);
const broken: fc.Arbitrary<Fuzzed> = entry.chain((one) =>
  fc.record({ path: fc.constantFrom(...required(one)), value: noValue }).map(({ path, value }) => {
    const tree = envelope(one);
    set(tree, path, value);
    return { body: JSON.stringify(tree), wrong: path };
  }),
);
const harmless: fc.Arbitrary<Fuzzed> = fc
  .record({ one: entry, key: fc.string(), more: fc.jsonValue() })
  .map(({ one, key, more }) => {
    const tree = envelope(one);
    const name = `x${key}`;
    return {
      body: JSON.stringify({ [name]: more, ...tree, detail: { ...(tree["detail"] as Tree), [name]: more } }),
      wrong: undefined,
    };
  });
const lying: fc.Arbitrary<Fuzzed> = fc
  .record({
    one: entry,
    cluster: fc.oneof(
      fc.constantFrom(
        "../shop",
        "shop/../../x",
        "a b",
        "222233334444",
        "222233334444/",
        "/shop",
        "shop\n",
        "-shop",
        "shop;drop",
      ),
      fc.string().filter((text) => !/^(?:\d{12}\/)?[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/.test(text)),
    ),
  })
  .filter(({ cluster }) => cluster !== "222233334444")
  .map(({ one, cluster }) => {
    const tree = envelope(one);
    const path = one.source === "my.script" ? "detail.cluster" : "detail.metadata.cluster";
    set(tree, path, cluster);
    return { body: JSON.stringify(tree), wrong: path };
  });
const cut: fc.Arbitrary<Fuzzed> = fc
  .record({ one: entry, at: fc.nat() })
  .map(({ one, at }) => JSON.stringify(envelope(one)).slice(0, at % JSON.stringify(envelope(one)).length))
  .map((body) => ({ body, wrong: "body" }));
const noise: fc.Arbitrary<Fuzzed> = fc
  .oneof(fc.string({ unit: "binary" }), fc.json(), fc.constant(`${"[".repeat(5_000)}${"]".repeat(5_000)}`))
  .map((body) => ({ body, wrong: "anything" }));

/** What became of one message. */
async function fate(body: string) {
  const hints: Hint[] = [];
  const dead: { readonly reason: string; readonly field: string }[] = [];
  const message = {
    messageId: "m",
    receiptHandle: "r",
    body,
    messageAttributes: {},
    attributes: { ApproximateReceiveCount: "1" },
  };
  await runQueuedPass({ Records: [message] } as unknown as SQSEvent, {
    account: own,
    hide: async () => undefined,
    prepare: () => undefined,
    async reconcile(hint) {
      hints.push(hint);
      return { kind: "settled", figures };
    },
    sendAgain: async () => true,
    deadLetter: async (_, reason, problem) => void dead.push({ reason, field: problem.split(": ")[0] ?? "" }),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  return { hints, dead };
}

test(`${events} fuzzed events: each is reconciled from or dead with its field named, and no malformed one is reconciled from`, {
  timeout: 300_000,
}, async () => {
  const count = { reconciled: 0, dead: 0 };
  const fuzzed = fc.oneof(
    { weight: 5, arbitrary: broken },
    { weight: 2, arbitrary: harmless },
    { weight: 2, arbitrary: lying },
    { weight: 1, arbitrary: cut },
    { weight: 2, arbitrary: noise },
  );
  await fc.assert(
    fc.asyncProperty(fuzzed, async ({ body, wrong }) => {
      const { hints, dead } = await fate(body);
      count.reconciled += hints.length;
      count.dead += dead.length;
      expect(hints.length + dead.length).toBe(1);
      for (const { reason, field } of dead) {
        expect(reason).toBe("event-malformed");
        expect(field).toMatch(/^(body|id|source|account|time|detail-type|detail)(\.|$)/);
        // Within what is wrong, or what it is part of: a missing parent is missed before its child.
        expect(
          wrong === "anything" || (wrong !== undefined && (field.startsWith(wrong) || wrong.startsWith(field))),
        ).toBe(true);
      }
      for (const { cluster } of hints) {
        expect(cluster).toBe("shop");
        expect(wrong === undefined).toBe(true);
      }
    }),
    { numRuns: events },
  );
  expect(count.reconciled + count.dead).toBe(events);
  expect(Math.min(count.reconciled, count.dead)).toBeGreaterThan(events / 20);
});
