import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isFull } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { type AwsSide, planAwsSide, startAwsSide } from "./aws-side.ts";
import { deadLetters } from "./dead-letters.ts";
import { type EksCluster, managed } from "./eks-record.ts";
import { EmptyMesh } from "./empty-mesh.ts";
import { killFunctions } from "./function-processes.ts";
import { freePort, loopbackPlace } from "./place.ts";
import { putEvent } from "./put-event.ts";
import { queuesOf } from "./queues.ts";
import { type StandInApiServer, startStandInApiServer } from "./stand-in-api-server.ts";

/** Five clusters behind one deployment: three that are well, one that swallows connections, one that takes its time. */
const wellNames = ["shop", "bank", "game"] as const;
const answersAfterMs = 1_500;
/** How many passes run at a time: no more than one for each cluster. */
const concurrency = 5;
const visibilitySeconds = 20;
/** What a cluster that was never silent may cost each pass over it, before it is known. */
const onceMs = 10_000;
/** How long the queue keeps a message back whose function is killed before it could say otherwise: more than a pass lives. */
const untoldSeconds = 70;
/** For a busy machine. */
const sparedMs = 8_000;

const meshes = new Map<string, EmptyMesh>();
const servers: StandInApiServer[] = [];
const sockets = new Set<Socket>();
let dead: Server;
let place: Awaited<ReturnType<typeof loopbackPlace>>;
let aws: AwsSide;
let baselineMs = NaN;
let egress = false;

beforeAll(async () => {
  place = await loopbackPlace();
  dead = createServer((socket) => void sockets.add(socket.on("error", () => undefined))).listen(0, "127.0.0.1");
  await once(dead, "listening");
  const clusters: EksCluster[] = [];
  for (const name of [...wellNames, "slow"]) {
    const mesh = new EmptyMesh();
    mesh.setEgress(egress);
    meshes.set(name, mesh);
    const server = await startStandInApiServer();
    server.answer(mesh.answer, name === "slow" ? answersAfterMs : 0);
    servers.push(server);
    clusters.push({ name, endpoint: server.endpoint, ca: server.ca, tags: managed });
  }
  const [own, ...others] = clusters;
  if (!own) throw new Error("no cluster");
  const { port } = dead.address() as AddressInfo;
  others.push({ ...own, name: "dead", endpoint: `https://127.0.0.1:${port}`, tags: managed, isPublic: false });
  const plan = await planAwsSide(place, own, await freePort("127.0.0.1"), others);
  aws = await startAwsSide(plan, {
    clusterPattern: "*",
    concurrency: String(concurrency),
    visibilitySeconds: String(visibilitySeconds),
    driftRate: "rate(1 day)",
  });
  // Six minutes, as deployed, are long to wait.
  const queues = queuesOf(aws);
  await queues.setVisibility(untoldSeconds);
  queues.close();
});

afterAll(async () => {
  await aws?.stop();
  await Promise.all(servers.map((server) => server.close()));
  for (const socket of sockets) socket.destroy();
  dead?.close();
  await place?.remove();
});

const ask = (cluster: string): Promise<string> =>
  putEvent(aws, aws.credentials.operator, "a.person", "Egress Reconcile Requested", { cluster });

/** Ids of the events about the dead cluster. */
const toTheDead: string[] = [];
async function askTheDead(times: number): Promise<void> {
  for (let at = 0; at < times; at++) toTheDead.push(await ask("dead"));
}

/** The switch is moved in the meshes of these clusters, and each has one event. @returns what tells whether it is done */
async function flip(names: readonly string[]): Promise<() => boolean> {
  egress = !egress;
  const dones = names.map((name) => meshes.get(name)?.setEgress(egress) ?? (() => false));
  for (const name of names) await ask(name);
  return () => dones.every((isDone) => isDone());
}

/** How long the three that are well take from their first event to the last one's status. */
async function flipTheWell(): Promise<number> {
  const startedMs = performance.now();
  await eventually("all that are well are done", await flip(wellNames), { withinMs: 120_000 });
  return performance.now() - startedMs;
}

test("without the two others: what the three that are well take", async () => {
  // Functions start cold, and every cluster is looked up once by each.
  for (let round = 0; round < 3; round++) await flipTheWell();
  const rounds = [await flipTheWell(), await flipTheWell(), await flipTheWell()];
  baselineMs = Math.max(...rounds);
  expect(baselineMs).toBeLessThan(30_000);
});

test("one event for each of the five, the bad ones' first: the three take as long as without them", async () => {
  await askTheDead(1);
  const isSlowDone = await flip(["slow"]);
  expect(await flipTheWell()).toBeLessThan(3 * baselineMs + sparedMs);
  await eventually("the slow one is done too", isSlowDone, { withinMs: 120_000 });
});

test("a dead cluster's flood, ahead of the others' events and before anybody knows it, costs them its silence once", async () => {
  // Whoever has seen it silent is gone.
  await killFunctions(aws.emulator.pid);
  await askTheDead(3 * concurrency);
  expect(await flipTheWell()).toBeLessThan(3 * baselineMs + onceMs + sparedMs);
});

test("and nothing while it is known", async () => {
  await askTheDead(3 * concurrency);
  expect(await flipTheWell()).toBeLessThan(3 * baselineMs + sparedMs);
});

// Five tries, each after the visibility: for the full counts.
test.each(isFull ? ["dead"] : [])(
  "every message of the %s one ends in the dead letters, of the others none does",
  { timeout: 600_000 },
  async (name) => {
    let letters: readonly Letter[] = [];
    const dead = await eventually(
      "all of them",
      async () => {
        letters = (await deadLetters(aws)).map(({ body }) => JSON.parse(body) as Letter);
        return letters.length >= toTheDead.length && letters;
      },
      {
        // One may have been on its way when its function was killed.
        withinMs: (8 * visibilitySeconds + untoldSeconds) * 1_000,
        everyMs: 2_000,
        tell: () => `missing: ${toTheDead.filter((id) => !letters.some((letter) => letter.id === id)).join(", ")}`,
      },
    );
    expect(dead.map(({ detail }) => detail.cluster)).toEqual(toTheDead.map(() => name));
    expect(dead.map(({ id }) => id).sort()).toEqual([...toTheDead].sort());
  },
);

test("the log says what to look at", async () => {
  const failed = (await aws.logs("reconcile")).filter(({ fields }) => fields?.["cluster"] === "dead");
  const texts = failed.map(({ text }) => text);
  expect(texts.some((text) => /dead: GET .*its endpoint is private.*subnetIds and securityGroupIds/.test(text))).toBe(
    true,
  );
  expect(texts.some((text) => /dead: not asked, it did not answer \d+ s ago/.test(text))).toBe(true);
});

interface Letter {
  readonly id: string;
  readonly detail: { readonly cluster: string };
}
