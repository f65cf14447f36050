import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseHint } from "#lib/events/hint-event.ts";
import { isFull } from "#test/counts.ts";
import type { ScriptedCluster } from "../scripted/cluster.ts";
import { meshAtRest } from "../scripted/mesh.ts";
import { runPass, startPass } from "../scripted/pass.ts";

const names = ["shop", "bank", "game"] as const;
type Name = (typeof names)[number];
const permissive_traffic_policy_mode = "true";
const copies = 10;

/** As EventBridge puts it into the queue. */
function event(cluster: string): string {
  return JSON.stringify({
    id: randomUUID(),
    source: "my.pipeline",
    account: "111122223333",
    "detail-type": "Egress Reconcile Requested",
    time: "2026-01-01T00:00:00Z",
    detail: { cluster },
  });
}

function clusterOf(body: string): Name {
  const parsed = parseHint(body, "111122223333");
  const name = names.find((one) => parsed.ok && parsed.hint.cluster === one);
  if (name === undefined) throw new Error(`no cluster is meant by ${body}`);
  return name;
}

/** What reached sidecars; who took the Lease, and who marked it, is the passes' own affair. */
function sidecarWrites({ writes }: ScriptedCluster): readonly string[] {
  return writes.filter((line) => /^(apply|poke|delete)/.test(line)).sort();
}

const round = fc.record({
  values: fc.record({ shop: fc.boolean(), bank: fc.boolean(), game: fc.boolean() }),
  /** Where each of the events comes in the queue. */
  order: fc.array(fc.nat(), { minLength: names.length * copies, maxLength: names.length * copies }),
  pausesMs: fc.array(fc.nat(150), { minLength: 5, maxLength: 5 }),
});

test("events ten times over and shuffled across three clusters: the same states, and no write more than the plain run's", {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 4 }), async (rounds) => {
      const plain = await threeMeshes();
      const shuffled = await threeMeshes();
      for (const { values, order, pausesMs } of rounds) {
        for (const name of names) {
          const data = { egress: String(values[name]), permissive_traffic_policy_mode };
          for (const meshes of [plain, shuffled]) meshes[name].setOsmConfig(data);
          await runPass(plain[name]);
        }
        const events = order
          .map((place, at) => ({ place, body: event(names[at % names.length] ?? "") }))
          .sort((left, right) => left.place - right.place);
        const passes: Record<Name, Promise<unknown>[]> = { shop: [], bank: [], game: [] };
        for (const [at, { body }] of events.entries()) {
          const name = clusterOf(body);
          passes[name].push(startPass(shuffled[name]));
          await shuffled[name].clock.pass(pausesMs[at % pausesMs.length] ?? 0);
        }
        for (const name of names) await shuffled[name].clock.run(Promise.all(passes[name]));
      }
      for (const name of names) {
        expect(shuffled[name].reality).toEqual(plain[name].reality);
        expect(shuffled[name].status.target).toEqual(plain[name].status.target);
        expect(shuffled[name].status.history?.map(({ to }) => to)).toEqual(
          plain[name].status.history?.map(({ to }) => to),
        );
        // Fencing numbers too: nobody took the Lease without need.
        expect(sidecarWrites(shuffled[name])).toEqual(sidecarWrites(plain[name]));
      }
    }),
    { numRuns: isFull ? 500 : 40 },
  );
});

async function threeMeshes(): Promise<Readonly<Record<Name, ScriptedCluster>>> {
  const [shop, bank, game] = [await meshAtRest(), await meshAtRest(), await meshAtRest()];
  return { shop, bank, game };
}
