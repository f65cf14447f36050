import { Command } from "commander";
import { namespaceAddCommand } from "./namespace-add.ts";
import { namespaceListCommand } from "./namespace-list.ts";
import { namespaceRemoveCommand } from "./namespace-remove.ts";

/** `osm namespace …` */
export function namespaceCommand(): Command {
  return new Command("namespace")
    .description("Which namespaces are in the mesh")
    .addCommand(namespaceAddCommand())
    .addCommand(namespaceRemoveCommand())
    .addCommand(namespaceListCommand());
}
