import { Command } from "commander";
import { mode } from "../mesh/mode.ts";
import { conditionOf, type HistoryEntry, type RolloutStatus } from "../rollout/status.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { findingsTable, pastFindingsTable } from "./drift-tables.ts";
import { type OutputFormat, outputOption, structuredText, tableText } from "./output.ts";
import { readRolloutStatus } from "./rollout-reader.ts";

/** `osm egress status`: is every pod on the value that osm-config holds? */
export function egressStatusCommand(): Command {
  return withClusterOptions(new Command("status"))
    .description("Show whether every sidecar runs what osm-config says, and which do not")
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async ({ output }: { readonly output: OutputFormat }, command: Command) => {
      const options = clusterOptions(command);
      const status = await readRolloutStatus(connect(options), options.osmNamespace);
      const structured = output === "json" || output === "yaml";
      console.log(structured ? structuredText(output, status) : statusText(status, output === "wide"));
    });
}

/** What a person reads. @param wide  with the history */
export function statusText(status: RolloutStatus, wide: boolean): string {
  if (!status.target) return "No reconcile has run yet: osm-config has not been taken up.";
  const { total = 0, verified = 0 } = status.sidecars ?? {};
  const lines = [
    `egress ${mode(status.target.egress)}: ${verified} of ${total} sidecars verified`,
    "",
    ...(["Accepted", "Converged", "EgressCut", "Drifted"] as const).flatMap((type) => {
      const condition = conditionOf(status, type);
      return condition ? [`  ${type.padEnd(10)} ${condition.status.padEnd(8)}${condition.message}`] : [];
    }),
  ];
  const lagging = status.lagging ?? [];
  if (lagging.length > 0) {
    lines.push("", "Not on it:", laggingTable(lagging));
  }
  const { findings = [], history: past = [] } = status.drift ?? {};
  if (findings.length > 0) lines.push("", "Altered:", findingsTable(findings));
  if (wide && past.length > 0) lines.push("", "Altered before:", pastFindingsTable(past));
  if (wide) lines.push("", "History:", historyTable(status.history ?? []));
  return lines.join("\n");
}

export function laggingTable(lagging: NonNullable<RolloutStatus["lagging"]>): string {
  return tableText(
    ["POD", "WHY"],
    lagging.map(({ pod, reason }) => [pod, reason]),
  );
}

function historyTable(history: readonly HistoryEntry[]): string {
  const head = ["WHEN", "EGRESS", "BY", "USER", "REVISION", "SOURCE", "SIDECARS", "TOOK", "CUT", "OUTCOME"];
  return tableText(
    head,
    history.map((entry) => [
      entry.startedAt,
      (entry.from === undefined ? "" : `${mode(entry.from)} → `) + mode(entry.to),
      entry.by ?? "",
      // Several: of one second, and nobody can tell whose write it was.
      (entry.users ?? []).join(" or "),
      entry.revision ?? "",
      entry.source,
      entry.sidecars === undefined ? "" : String(entry.sidecars),
      seconds(entry.tookMs),
      seconds(entry.cutTookMs),
      entry.outcome,
    ]),
  );
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "" : `${(ms / 1000).toFixed(2)} s`;
}
