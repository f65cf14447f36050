#!/usr/bin/env node
import { Command } from "commander";
import project from "../../package.json" with { type: "json" };
import { circumstancesOf, withClusterOptions } from "./cluster-options.ts";
import { egressCommand } from "./egress.ts";
import { eventsCommand } from "./events.ts";
import { explain, traceText } from "./explain.ts";
import { forwardCommand } from "./forward.ts";
import { injectCommand } from "./inject.ts";
import { installCommand } from "./install.ts";
import { namespaceCommand } from "./namespace.ts";
import { proxyCommand } from "./proxy.ts";
import { reconcileCommand } from "./reconcile.ts";
import { restartCommand } from "./restart.ts";
import { wantsTrace } from "./settings.ts";
import { uninstallCommand } from "./uninstall.ts";

/** Every command, in the order in which help lists them. */
const commands: readonly (() => Command)[] = [
  installCommand,
  uninstallCommand,
  namespaceCommand,
  injectCommand,
  egressCommand,
  proxyCommand,
  restartCommand,
  reconcileCommand,
  forwardCommand,
  eventsCommand,
];

export function program(): Command {
  const osm = withClusterOptions(new Command("osm"))
    .description("The mesh's egress switch: on or off for every sidecar, and whether each of them runs it")
    .version(project.version)
    // An option after the command's name is the command's own, so that each of them can have it.
    .enablePositionalOptions()
    .showHelpAfterError("(osm help COMMAND tells more)");
  for (const command of commands) osm.addCommand(command());
  return osm;
}

/**
 * One command, as a shell calls it: standard output has its result, standard error what went wrong, and `process.exitCode`
 * is set where that is not 0.
 *
 * @param args  without the program's own name
 */
export async function run(args: readonly string[]): Promise<void> {
  const osm = program();
  let running: Command = osm;
  osm.hook("preAction", (_, action) => {
    running = action;
  });
  try {
    await osm.parseAsync(args, { from: "user" });
  } catch (error) {
    const trace = wantsTrace() ? `${traceText(error)}\n` : "";
    process.stderr.write(`${trace}${explain(error, circumstancesOf(running))}\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await run(process.argv.slice(2));
