/**
 * A test cluster that stays up while one develops:
 *
 *   npm run cluster up [NAME]            start one and leave it running
 *   npm run cluster down [NAME]
 *   npm run cluster status
 *   npm run cluster import [NAME] FILE…  docker-archives, into the node
 *   npm run cluster images [NAME]        the product's images, from the sources as they are now, into the node
 *   npm run cluster run [NAME] -- COMMAND…     inside the world: the emulator's and the node's network
 *   npm run cluster kubectl [NAME] -- ARGS…
 *
 * NAME defaults to `dev`.
 */
import { spawn } from "node:child_process";
import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, openCluster, startCluster } from "#test/cluster/cluster.ts";
import { runsRoot } from "#test/cluster/slot.ts";
import { startWorld, type WorldRecord } from "#test/cluster/world.ts";
import { productImages } from "./images.ts";
import { CommandError } from "./setup/command.ts";
import { untilReady } from "./setup/holder.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./setup/process-identity.ts";

interface Held {
  readonly holder: ProcessIdentity;
  readonly world: WorldRecord;
  readonly kubeconfigPath: string;
}

const recordPath = (name: string): string => join(runsRoot, `${name}.cluster.json`);
const logPath = (name: string): string => join(runsRoot, `${name}.cluster.log`);

async function held(name: string): Promise<Held | undefined> {
  const text = await readFile(recordPath(name), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as Held;
  return isAlive(record.holder) ? record : undefined;
}

async function attach(name: string): Promise<Cluster> {
  const record = await held(name);
  if (!record) throw new Error(`no cluster ${name} is up`);
  return openCluster(record.world);
}

/** The first time of all, the node's parts are built and installed. */
const upLimitMs = 30 * 60_000;

/** Starts the process that holds the cluster, and waits until it says that the cluster is there. */
async function up(name: string): Promise<void> {
  if (await held(name)) return status();
  await mkdir(runsRoot, { recursive: true });
  await rm(recordPath(name), { force: true });
  const log = await open(logPath(name), "w");
  const holder = spawn(process.execPath, [import.meta.filename, "hold", name], {
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
  });
  holder.unref();
  const isUp = async () => (await held(name)) !== undefined;
  try {
    await untilReady(holder, logPath(name), isUp, upLimitMs, (text) => process.stdout.write(text));
  } catch (cause) {
    throw new Error(`cluster ${name} did not start`, { cause });
  } finally {
    await log.close();
  }
  return status();
}

async function hold(name: string): Promise<void> {
  const log = (line: string): void => console.log(line);
  const world = await startWorld({ log });
  try {
    const cluster = await startCluster(world, { log });
    const record: Held = { holder: ownIdentity(), world: world.record, kubeconfigPath: cluster.kubeconfigPath };
    await writeFile(recordPath(name), JSON.stringify(record));
  } catch (cause) {
    console.error(cause);
    await world.stop();
    process.exit(1);
  }
  // Until a signal; the world's own listener then stops it and ends this process.
  setInterval(() => undefined, 60_000);
}

async function down(name: string): Promise<void> {
  const record = await held(name);
  if (!record) return console.log(`no cluster ${name} is up`);
  process.kill(record.holder.pid, "SIGTERM");
  for (let waited = 0; isAlive(record.holder); waited += 100) {
    if (waited > 30_000) throw new Error(`cluster ${name} has not stopped after 30 s; see ${logPath(name)}`);
    await sleep(100);
  }
  await rm(recordPath(name), { force: true });
  console.log(`cluster ${name} is down`);
}

async function status(): Promise<void> {
  const names = (await readdir(runsRoot).catch(() => [])).flatMap(
    (file) => /^(.+)\.cluster\.json$/.exec(file)?.[1] ?? [],
  );
  for (const name of names) {
    const record = await held(name);
    if (!record) continue;
    console.log(`${name}: up at ${record.world.slot.address}`);
    console.log(`  KUBECONFIG=${record.kubeconfigPath}`);
    console.log(`  PATH=${join(record.world.slot.directory, "bin")}:$PATH  (kubectl)`);
    console.log(`  logs: ${join(record.world.slot.directory, "logs")}`);
  }
}

/** `[NAME] rest…`; a name is the first word unless it is a file or comes after `--`. */
function named(words: readonly string[]): { readonly name: string; readonly rest: readonly string[] } {
  const [first] = words;
  const isName = first !== undefined && /^[a-z][a-z0-9-]*$/.test(first);
  const rest = isName ? words.slice(1) : words;
  return { name: isName ? first : "dev", rest: rest[0] === "--" ? rest.slice(1) : rest };
}

async function main([command = "", ...words]: readonly string[]): Promise<void> {
  const { name, rest } = named(words);
  switch (command) {
    case "up":
      return up(name);
    case "hold":
      return hold(name);
    case "down":
      return down(name);
    case "status":
      return status();
    case "import": {
      const cluster = await attach(name);
      for (const archive of rest) await cluster.importImage({ archive });
      return;
    }
    case "images": {
      const cluster = await attach(name);
      for (const image of await productImages(console.log)) await cluster.importImage(image);
      return;
    }
    case "run":
      process.stdout.write((await (await attach(name)).world.run(rest)).stdout);
      return;
    case "kubectl":
      process.stdout.write(await (await attach(name)).kubectl(...rest));
      return;
    default:
      throw new Error("usage: cluster up|down|status|import|images|run|kubectl [NAME] …");
  }
}

try {
  await main(process.argv.slice(2));
} catch (cause) {
  if (!(cause instanceof CommandError)) throw cause;
  process.stdout.write(cause.stdout);
  process.stderr.write(cause.stderr);
  process.exitCode = cause.code ?? 1;
}
