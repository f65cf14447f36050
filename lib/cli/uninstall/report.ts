import { osmConfigName } from "../../mesh/names.ts";
import type { Opened } from "../../reconcile/open-all.ts";
import { type OutputFormat, structuredText, tableText } from "../output.ts";
import { type LeftWorkload, podCount } from "../sidecar-owners.ts";
import type { Undone } from "./opening.ts";

/** What `osm uninstall` did, as `-o json` prints it. */
export interface UninstallReport {
  readonly mesh: string;
  readonly namespace: string;
  readonly outcome:
    | "planned" //           a dry run
    | "refused" //           pods still have a sidecar, or a GitOps tool would be in the way
    | "failed" //            it ended in the middle; it can be run again
    | "nothing-installed" // but for what is listed as removed
    | "uninstalled";
  /** With `--force`, where pods have a sidecar. */
  readonly opened?: Opened;
  /** Likewise, where it failed after some were open, and as long as there was a way back. */
  readonly undone?: Undone;
  /** `Kind name` or `Kind namespace/name`; of a dry run, what would go. */
  readonly removed: readonly string[];
  /** The user's, and what pods with a sidecar still need. */
  readonly kept: readonly string[];
  /** Who still has a sidecar. */
  readonly workloads: readonly LeftWorkload[];
  /** For a person to know. */
  readonly notes: readonly string[];
}

/** Lines of one list in a text; a program gets all. */
const maxLines = 20;

export function uninstallText(report: UninstallReport, format: OutputFormat): string {
  if (format === "json" || format === "yaml") return structuredText(format, report);
  const { mesh, namespace, outcome, opened, undone, removed, kept, workloads, notes } = report;
  const place = `mesh [${mesh}] in namespace [${namespace}]`;
  const heads: Record<UninstallReport["outcome"], string> = {
    planned: `Would be removed, of ${place}: ${removed.length} objects, and sidecar ConfigMaps that no pod mounts`,
    refused: `Nothing is removed of ${place}`,
    failed: `Not finished: ${removed.length} objects of ${place} are removed`,
    "nothing-installed": `There is no ${place}${removed.length === 0 ? "" : `; removed what was left: ${removed.length} objects`}`,
    uninstalled: `OSM uninstalled: ${removed.length} objects of ${place} are removed`,
  };
  const parts = [heads[outcome]];
  if (outcome === "planned") parts.push(listText(removed));
  if (opened) parts.push(openedText(opened));
  if (undone) parts.push(undoneText(undone, `${namespace}/${osmConfigName}`));
  if (workloads.length > 0) parts.push(workloadsText(workloads, outcome));
  if (kept.length > 0 && outcome !== "refused") parts.push(`Kept:\n${listText(kept)}`);
  return [...parts, ...notes].join("\n\n");
}

function openedText({ verified, total, missing }: Opened): string {
  const share = [
    `Egress opened: ${verified} of ${total} sidecars have answered that they refuse nothing any more.`,
    "UDP, ICMP and IPv6, about which no sidecar decides, stay closed in these pods until they are restarted.",
  ].join("\n");
  if (missing.length === 0) return share;
  const rows = missing.slice(0, maxLines).map(({ pod, reason }) => [pod, reason]);
  return [`${share}\nNot open, or nobody knows:`, tableText(["POD", "WHY"], rows), ...moreText(missing.length)].join(
    "\n",
  );
}

function undoneText({ sidecars, configured, trouble }: Undone, osmConfig: string): string {
  if (trouble === undefined) {
    return `${sidecars} sidecars were opened, and have answered that they do what ${osmConfig} says again: ${configured}.`;
  }
  return [
    `${sidecars} sidecars were opened; ${osmConfig} says ${configured}, and not all may be back: ${trouble}`,
    `  → osm reconcile --correct ${configured === "off" ? "closes them" : "brings them back"}`,
  ].join("\n");
}

function workloadsText(workloads: readonly LeftWorkload[], outcome: UninstallReport["outcome"]): string {
  const pods = podCount(workloads);
  const goes = outcome === "uninstalled" || outcome === "nothing-installed";
  const rows = workloads.slice(0, maxLines).map(({ of, pods: its, remedy }) => [of, String(its.length), remedy]);
  return [
    goes ? `${pods} pods keep their sidecar until they are restarted:` : `${pods} pods have a sidecar:`,
    tableText(["OF", "PODS", "WHAT TO DO"], rows),
    ...moreText(workloads.length),
    ...(goes ? ["The ConfigMaps that they mount stay as long. Afterwards: osm uninstall, once more"] : []),
  ].join("\n");
}

function listText(lines: readonly string[]): string {
  return [...lines.slice(0, maxLines).map((line) => `  ${line}`), ...moreText(lines.length)].join("\n");
}

function moreText(count: number): readonly string[] {
  return count > maxLines ? [`  and ${count - maxLines} more; -o json has all`] : [];
}
