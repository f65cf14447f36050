import { Command } from "commander";
import { eventsDeadCommand } from "./events-dead.ts";
import { eventsDropCommand } from "./events-drop.ts";
import { eventsRedriveCommand } from "./events-redrive.ts";

/** `osm events …` */
export function eventsCommand(): Command {
  return new Command("events")
    .description("Events that no pass could take up: the deployment's dead letters")
    .addCommand(eventsDeadCommand())
    .addCommand(eventsRedriveCommand())
    .addCommand(eventsDropCommand());
}
