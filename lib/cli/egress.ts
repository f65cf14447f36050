import { Command } from "commander";
import { egressStatusCommand } from "./egress-status.ts";
import { egressSwitchCommand } from "./egress-switch.ts";

/** `osm egress …` */
export function egressCommand(): Command {
  return new Command("egress")
    .description("The switch for traffic that leaves the mesh")
    .addCommand(egressStatusCommand())
    .addCommand(egressSwitchCommand("enable"))
    .addCommand(egressSwitchCommand("disable"));
}
