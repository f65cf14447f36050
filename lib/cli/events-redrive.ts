import { Command } from "commander";
import { withChoice } from "./events-options.ts";
import { CommandError } from "./failure.ts";

export function eventsRedriveCommand(): Command {
  const command = new Command("redrive").description(
    "Send dead letters back to the queue, when what killed them has been put right",
  );
  return withChoice(command, "sent back; osm events dead shows those that die again", {
    deal: ({ sendBack }) => sendBack,
    // The queue would refuse it, and the letter be gone that its own function could be called with again.
    refuse: ({ id, isEvent }) => {
      if (isEvent) return;
      throw new CommandError(
        `${id} is no event of the bus, but what a function of ours was called with`,
        "call that function again with its body (-o json), or osm events drop it; the next schedule looks anyway",
      );
    },
    isSkipped: ({ isEvent }) => !isEvent,
  });
}
