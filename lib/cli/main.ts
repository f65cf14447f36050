#!/usr/bin/env node
import { Command } from "commander";
import project from "../../package.json" with { type: "json" };
import { withClusterOptions } from "./cluster-options.ts";
import { egressCommand } from "./egress.ts";
import { eventsCommand } from "./events.ts";
import { explain } from "./failure.ts";
import { forwardCommand } from "./forward.ts";
import { installCommand } from "./install.ts";
import { namespaceCommand } from "./namespace.ts";
import { reconcileCommand } from "./reconcile.ts";
import { restartCommand } from "./restart.ts";

/** Every command, in the order in which help lists them. */
const commands: readonly (() => Command)[] = [
  installCommand,
  namespaceCommand,
  egressCommand,
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

if (import.meta.main) {
  try {
    await program().parseAsync();
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
  }
}
