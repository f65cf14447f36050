import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { listAll } from "#lib/kube/list.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import { isFull, runSeed, seededRandom } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { breachesIn, takenOfTheDead, writesIn } from "#test/faults/proxy/write-journal.ts";
import { endOf, rest, wantedEnd } from "../at-rest.ts";
import { osmReconcile } from "../osm-reconcile.ts";
import { type Rig, startRig } from "../rig.ts";
import { setEgress, statusNow } from "../small-mesh.ts";
import { type Held, heldBy, slope } from "./gauge.ts";
import { operate, type Soaked } from "./operations.ts";
import { type Slot, SoakQueue } from "./queue.ts";

const count = isFull ? 2_000 : 40;
const pauseMs = 250;
const journalEvery = 20;
const gaugeEvery = 125;
/** A process takes its memory in the first of them; what follows is what it may not go on doing. */
const warm = 0.3;
/** In a thousand operations: MiB, descriptors. */
const mostGrowth = { memory: 5, handles: 3 } as const;
/** Connections that nobody uses are closed after 4 s, and those to AWS by the other side after 6; what is left is kept. */
const restMs = 7_500;
/** ConfigMaps of accounts that are gone stay for two minutes. */
const tidyMs = 180_000;
const kinds = ["configmaps", "services", "serviceaccounts", "pods", "secrets"] as const;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

// Everything at once, for long: changes, deploys, policy edits, drift and faults, over processes that go on and on.
test(`${count} operations: nothing is lost, leaked or kept`, { timeout: 25 * 60_000 }, async () => {
  rig.leaseSeconds = 1;
  await rest(rig);
  const before = await objectsIn(rig.admin);
  const steady: Slot = { process: await rig.startFunction("steady") };
  const struck: Slot = { process: await rig.startFunction("struck") };
  const forwarder = rig.startForwarder("forwarder-1");
  const queue = new SoakQueue(rig.aws, [steady, struck]);
  const soaked: Soaked = {
    rig,
    random: seededRandom(runSeed),
    stranger: strangerOf(rig),
    struck,
    made: [],
    serial: 0,
  };
  const held: Record<"function" | "forwarder", Held[]> = { function: [], forwarder: [] };
  const carriedOut: Record<string, number> = {};
  const breaches: string[] = [];
  try {
    await eventually("the forwarder's first event is done", () => queue.done > 0);
    for (let at = 0; at < count; at++) {
      const name = await operate(soaked);
      carriedOut[name] = (carriedOut[name] ?? 0) + 1;
      await sleep(soaked.random() * 2 * pauseMs);
      if (at % journalEvery === 0) breaches.push(...numbersBroken(rig));
      if (at === 0 || at % gaugeEvery !== 0) continue;
      rig.proxy.faults = () => undefined;
      await eventually("nobody has anything to do", () => queue.idleMs > restMs, { withinMs: 90_000 });
      if (steady.process) held.function.push(await heldBy(steady.process.process, at));
      held.forwarder.push(await heldBy(forwarder.process, at));
    }
    rig.proxy.faults = () => undefined;
    for (const path of soaked.made.splice(0)) await expectOk(rig.admin, { method: "DELETE", path });
    const egress = soaked.random() < 0.5;
    await setEgress(rig.admin, egress);
    // Nothing is in the queue, either, before the forwarder has heard of it.
    const isFollowed = async () => {
      const { target, history: [newest] = [] } = await statusNow(rig.admin);
      return target?.egress === egress && newest?.to === egress;
    };
    await eventually("the last value is followed", isFollowed, { withinMs: 60_000 });
    await eventually("the queue is empty", () => queue.isEmpty, { withinMs: 60_000 });
    // What was altered so often that it is left so for now, and nothing else, is put right only by this.
    await osmReconcile(rig, "--correct");
    const isTidy = async () => JSON.stringify(await objectsIn(rig.admin)) === JSON.stringify(before);
    await eventually("the cluster holds what it held", isTidy, { withinMs: tidyMs, everyMs: 1_000 });

    breaches.push(...numbersBroken(rig));
    const { history: _, ...end } = await endOf(rig);
    const { history: __, ...wanted } = wantedEnd(egress);
    expect(end).toEqual(wanted);
    expect(breaches).toEqual([]);
    console.log(report(held, carriedOut, queue));
    // Of a short one nobody can tell.
    expect(isFull ? growing(held) : []).toEqual([]);
  } finally {
    await queue.stop();
    await forwarder.kill();
    await Promise.all([steady.process?.kill(), struck.process?.kill()]);
  }
});

function growing(held: Readonly<Record<string, readonly Held[]>>): readonly string[] {
  return Object.entries(held).flatMap(([name, all]) => {
    const later = all.slice(all.length * warm);
    return (["memory", "handles"] as const)
      .filter((of) => slope(later, of) > mostGrowth[of])
      .map((of) => `${name}: ${slope(later, of).toFixed(1)} of ${of} in a thousand`);
  });
}

/** What the journal has of since it was last asked, and then forgets: a soak's own would be the largest thing in memory. */
function numbersBroken({ proxy }: Rig): readonly string[] {
  const writes = writesIn(proxy.exchanges.splice(0));
  return breachesIn(writes, new Map(), takenOfTheDead(writes)).filter((breach) => !breach.endsWith(" again"));
}

function strangerOf({ server }: Rig): KubeConnection {
  return openTokenConnection({
    server: server.url,
    caData: Buffer.from(server.certificateAuthority).toString("base64"),
    token: async () => server.tokens["reconcilerUnbound"] ?? "",
  });
}

/** Names by kind, of the mesh and of the namespaces of its parts. */
async function objectsIn(admin: KubeConnection): Promise<Readonly<Record<string, readonly string[]>>> {
  const named = kinds.map(async (kind) => {
    const all = await listAll(admin, `/api/v1/${kind}`, (object) => {
      const { metadata } = object as { readonly metadata: { readonly namespace: string; readonly name: string } };
      return `${metadata.namespace}/${metadata.name}`;
    });
    return [kind, all.toSorted()] as const;
  });
  return Object.fromEntries(await Promise.all(named));
}

function report(
  held: Readonly<Record<string, readonly Held[]>>,
  carriedOut: Readonly<Record<string, number>>,
  { done, failed, dead }: SoakQueue,
): string {
  const rows = Object.entries(held).map(([name, all]) => {
    const later = all.slice(all.length * warm);
    const [first, last] = [all[0], all.at(-1)];
    if (first === undefined || last === undefined) return `${name}: too short to gauge`;
    const most = Math.max(...all.map(({ resident }) => resident));
    const memory = all.map((one) => one.memory.toFixed(1)).join(" ");
    return `${name}: ${most.toFixed(0)} MiB resident at most; held ${slope(later, "memory").toFixed(1)} MiB more in a thousand (${memory}); descriptors ${first.handles} to ${last.handles}, ${slope(later, "handles").toFixed(1)} in a thousand (${all.map(({ handles }) => handles).join(" ")})
  first ${JSON.stringify(first.kinds)}
  last ${JSON.stringify(last.kinds)}`;
  });
  return [...rows, `messages: ${JSON.stringify({ done, failed, dead })}`, JSON.stringify(carriedOut)].join("\n");
}
