import { Command } from "commander";
import { withChoice } from "./events-options.ts";

export function eventsDropCommand(): Command {
  const command = new Command("drop").description("Delete dead letters for good: nobody wants them any more");
  return withChoice(command, "deleted", { deal: ({ drop }) => drop });
}
