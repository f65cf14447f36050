import fc from "fast-check";
import type { BusEntry } from "#lib/events/fields.ts";
import { driftCheckDue, objectAudited, objectChanged, revisionApplied } from "#lib/events/hint-event.ts";

/** Stands in an event for the account of the stack that is to take it. */
export const ownAccount = "111122223333";

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
  const event = { version: "0", id: "e-1", source, account: ownAccount, time: "2026-11-20T10:00:01Z" };
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

/** A message, as it may have come from anywhere. */
export interface FuzzedEvent {
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
const broken: fc.Arbitrary<FuzzedEvent> = entry.chain((one) =>
  fc.record({ path: fc.constantFrom(...required(one)), value: noValue }).map(({ path, value }) => {
    const tree = envelope(one);
    set(tree, path, value);
    return { body: JSON.stringify(tree), wrong: path };
  }),
);
const harmless: fc.Arbitrary<FuzzedEvent> = fc
  .record({ one: entry, key: fc.string(), more: fc.jsonValue() })
  .map(({ one, key, more }) => {
    const tree = envelope(one);
    const name = `x${key}`;
    return {
      body: JSON.stringify({ [name]: more, ...tree, detail: { ...(tree["detail"] as Tree), [name]: more } }),
      wrong: undefined,
    };
  });
const lying: fc.Arbitrary<FuzzedEvent> = fc
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
const cut: fc.Arbitrary<FuzzedEvent> = fc
  .record({ one: entry, at: fc.nat() })
  .map(({ one, at }) => JSON.stringify(envelope(one)).slice(0, at % JSON.stringify(envelope(one)).length))
  .map((body) => ({ body, wrong: "body" }));
const noise: fc.Arbitrary<FuzzedEvent> = fc
  .oneof(fc.string({ unit: "binary" }), fc.json(), fc.constant(`${"[".repeat(5_000)}${"]".repeat(5_000)}`))
  .map((body) => ({ body, wrong: "anything" }));

export const fuzzedEvent: fc.Arbitrary<FuzzedEvent> = fc.oneof(
  { weight: 5, arbitrary: broken },
  { weight: 2, arbitrary: harmless },
  { weight: 2, arbitrary: lying },
  { weight: 1, arbitrary: cut },
  { weight: 2, arbitrary: noise },
);
