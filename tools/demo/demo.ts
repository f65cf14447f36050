/**
 * The whole road, on a cluster of its own:
 *
 *   node tools/demo/demo.ts [--keep]
 *
 * --keep leaves everything up until Ctrl-C. Exit code 0 only if everything showed what it should. `npm run demo` calls
 * this once the machine has what it needs.
 */
import { parseArgs } from "node:util";
import type { MeshWorld } from "#test/world/mesh-world.ts";
import { Checks } from "./checks.ts";
import { badValue, whereItStands } from "./closing.ts";
import { keep } from "./keep.ts";
import { off, theMesh } from "./opening.ts";
import { setUp } from "./set-up.ts";
import { openShell, type Shell } from "./shell.ts";
import { isStopping, stopBeforeTheWorld } from "./signals.ts";
import { offAgain, on } from "./switching.ts";
import { heading, say, tell, verdict } from "./terminal.ts";

async function tellStory(mesh: MeshWorld, shell: Shell, checks: Checks): Promise<void> {
  const stage = { mesh, shell, checks };
  await theMesh(stage);
  await off(stage);
  await offAgain(stage, await on(stage));
  await badValue(stage);
  await whereItStands(stage);
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });
  const startedMs = Date.now();
  stopBeforeTheWorld();
  say("osm-egress: one value in a ConfigMap, and every sidecar of the mesh", "bold");
  tell("Real parts: API server, kubelet, Envoy, iptables. AWS is an emulator. Nothing leaves this machine.");
  say();
  const mesh = await setUp();
  try {
    const shell = await openShell(mesh);
    const checks = new Checks();
    await tellStory(mesh, shell, checks).catch((error: unknown) => {
      if (isStopping()) throw error;
      checks.expect(false, error instanceof Error ? error.message : String(error));
    });
    end(checks.broken, Math.round((Date.now() - startedMs) / 1000));
    if (values.keep) await keep(mesh, shell);
    return checks.broken.length === 0 ? 0 : 1;
  } finally {
    await mesh.stop();
  }
}

function end(broken: readonly string[], seconds: number): void {
  heading("End");
  say();
  if (broken.length === 0) verdict(true, `Everything showed what it should, in ${seconds} s.`);
  else verdict(false, `${broken.length} of it not as it should be:`);
  for (const fact of broken) verdict(false, fact);
}

try {
  process.exit(await main());
} catch (error) {
  // Whoever stops it ends the process, with the signal's own exit code.
  if (!isStopping()) {
    console.error(error);
    process.exit(1);
  }
}
