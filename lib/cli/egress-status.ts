import { Command } from "commander";
import { contextNamespace } from "../kube/kubeconfig.ts";
import { mode } from "../mesh/mode.ts";
import { conditionOf, type HistoryEntry, type OutsidePod, type RolloutStatus } from "../rollout/status.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { findingsTable, pastFindingsTable } from "./drift-tables.ts";
import { explainPod } from "./explain-pod.ts";
import { explanationText } from "./explanation-text.ts";
import { CommandError } from "./failure.ts";
import { type OutputFormat, outputOption, structuredText, tableText } from "./output.ts";
import { readOutsidePods } from "./outside-pods.ts";
import { podNamed } from "./pod-named.ts";
import { readRolloutStatus } from "./rollout-reader.ts";

/** `osm egress status`: is every pod on the value that osm-config holds? */
export function egressStatusCommand(): Command {
  return withClusterOptions(new Command("status"))
    .description("Show whether every sidecar runs what osm-config says, and which do not")
    .option("--explain <pod>", "tell everything about one pod instead: NAMESPACE/POD, or POD")
    .option("--outside", "list every pod outside the guarantee instead, as it is now: the status names twenty")
    .option("-n, --namespace <namespace>", "of the pod that is explained (default: the context's)")
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async ({ explain, outside, namespace, output }: StatusOptions, command: Command) => {
      const options = clusterOptions(command);
      if (explain === undefined && namespace !== undefined) {
        throw new CommandError("the status is the whole mesh's: -n says nothing without --explain", "leave it out");
      }
      if (explain !== undefined && outside) {
        throw new CommandError("--explain is about one pod, --outside about all of them", "leave one of them out");
      }
      const named = explain === undefined ? undefined : podNamed(explain, namespace, () => contextNamespace(options));
      const connection = connect(options);
      if (named) {
        const told = await explainPod(connection, named, options.osmNamespace);
        console.log(isStructured(output) ? structuredText(output, told) : explanationText(told));
        return;
      }
      if (outside) {
        const pods = await readOutsidePods(connection, options.osmNamespace);
        console.log(isStructured(output) ? structuredText(output, pods) : outsideText(pods, output === "wide"));
        return;
      }
      const status = await readRolloutStatus(connection, options.osmNamespace);
      console.log(isStructured(output) ? structuredText(output, status) : statusText(status, output === "wide"));
    });
}

interface StatusOptions {
  readonly explain?: string;
  readonly outside?: boolean;
  readonly namespace?: string;
  readonly output: OutputFormat;
}

function isStructured(output: OutputFormat): output is "json" | "yaml" {
  return output === "json" || output === "yaml";
}

/** What a person reads. @param wide  with the history, and the reasons of pods outside the guarantee in words */
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
  const outside = status.sidecars?.outsideGuarantee ?? 0;
  if (outside > 0) lines.push("", ...outsideLines(outside, status.outsideGuarantee ?? [], wide));
  const { findings = [], history: past = [] } = status.drift ?? {};
  if (findings.length > 0) lines.push("", "Altered:", findingsTable(findings));
  if (wide && past.length > 0) lines.push("", "Altered before:", pastFindingsTable(past));
  if (wide) lines.push("", "History:", historyTable(status.history ?? []));
  return lines.join("\n");
}

function outsideLines(count: number, named: readonly OutsidePod[], wide: boolean): readonly string[] {
  const more = count - named.length;
  return [
    `Outside the guarantee, ${count} ${count === 1 ? "pod" : "pods"} (osm egress status --explain NAMESPACE/POD tells what to change):`,
    outsideTable(named, wide),
    ...(more > 0 ? [`  and ${more} more: osm egress status --outside`] : []),
  ];
}

function outsideTable(pods: readonly OutsidePod[], wide: boolean): string {
  const rows = pods.flatMap(({ pod, reasons }) =>
    wide
      ? reasons.map(({ code, message }, at) => [at === 0 ? pod : "", `${code}: ${message}`])
      : [[pod, reasons.map(({ code }) => code).join(", ")]],
  );
  return tableText(["POD", "WHY"], rows);
}

function outsideText(pods: readonly OutsidePod[], wide: boolean): string {
  return pods.length === 0 ? "No pod of the mesh is outside the guarantee." : outsideTable(pods, wide);
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
