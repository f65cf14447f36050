import { podKey } from "../rollout/observation.ts";
import type { WorkloadRef } from "../rollout/restart/groups.ts";
import type { OutdatedPod } from "../rollout/restart/outdated.ts";
import { workloadText } from "../rollout/restart/workload.ts";
import { type OutputFormat, structuredText, tableText } from "./output.ts";
import type { RestartPlan } from "./restart-plan.ts";

/** What became of one workload. */
export interface Outcome {
  readonly kind:
    | "planned" //   a dry run: it would be restarted
    | "restarted" // every pod has the sidecar
    | "gone" //      deleted meanwhile
    | "skipped" //   a restart would not help
    | "failed" //    it did not come up
    | "not-begun"; // its turn had not come
  readonly why?: string;
}

/** As `-o json` prints it. */
interface RestartReport {
  /** The installed image. */
  readonly image: string;
  readonly workloads: readonly (Pick<WorkloadRef, "kind" | "namespace" | "name"> & {
    readonly pods: readonly ReportedPod[];
    readonly outcome: Outcome["kind"];
    readonly why?: string;
  })[];
  readonly byHand: readonly {
    readonly namespace: string;
    readonly owner?: string;
    readonly pods: readonly ReportedPod[];
    readonly remedy: string;
  }[];
}

interface ReportedPod {
  readonly name: string;
  /** The image that it had; null for no sidecar. */
  readonly sidecar: string | null;
  /** It has the installed image, and other exclusions than the mesh has now. */
  readonly otherExclusions?: true;
}

/** @param outcomes  one for each of the plan's workloads */
export function reportText(plan: RestartPlan, outcomes: readonly Outcome[], format: OutputFormat): string {
  if (format === "json" || format === "yaml") return structuredText(format, report(plan, outcomes));
  const { image } = plan.wanted;
  if (plan.workloads.length === 0 && plan.byHand.length === 0)
    return `No outdated pods: all that are to have a sidecar have ${image}, with the mesh's exclusions`;
  const parts = [
    plan.workloads.length === 0 ? [] : [workloadTable(plan, outcomes)],
    plan.byHand.length === 0 ? [] : [`No restart of a workload replaces these:\n${byHandTable(plan)}`],
  ];
  return [`Sidecar ${image}`, ...parts.flat()].join("\n\n");
}

function workloadTable(plan: RestartPlan, outcomes: readonly Outcome[]): string {
  return tableText(
    ["WORKLOAD", "PODS", "SIDECAR", "OUTCOME"],
    plan.workloads.map(({ workload, pods }, at) => {
      const { kind = "not-begun", why } = outcomes[at] ?? {};
      // Why one failed is told at length on standard error.
      const outcome = kind === "skipped" ? `${kind}: ${why}` : kind;
      return [workloadText(workload), String(pods.length), foundText(pods), outcome];
    }),
  );
}

function byHandTable(plan: RestartPlan): string {
  return tableText(
    ["POD", "OF", "SIDECAR", "WHAT TO DO"],
    plan.byHand.flatMap(({ owner = "-", pods, remedy }) =>
      pods.map((pod) => [podKey(pod), owner, foundText([pod]), remedy]),
    ),
  );
}

/** Each once. */
function foundText(pods: readonly OutdatedPod[]): string {
  const text = ({ found, hasOtherExclusions }: OutdatedPod) =>
    hasOtherExclusions ? "other exclusions" : (found ?? "none");
  return [...new Set(pods.map(text))].join(", ");
}

function report(plan: RestartPlan, outcomes: readonly Outcome[]): RestartReport {
  return {
    image: plan.wanted.image,
    workloads: plan.workloads.map(({ workload: { kind, namespace, name }, pods }, at) => {
      const { kind: outcome = "not-begun", why } = outcomes[at] ?? {};
      return { kind, namespace, name, pods: pods.map(reportedPod), outcome, ...(why === undefined ? {} : { why }) };
    }),
    byHand: plan.byHand.map(({ pods, ...rest }) => ({ ...rest, pods: pods.map(reportedPod) })),
  };
}

function reportedPod({ name, found, hasOtherExclusions }: OutdatedPod): ReportedPod {
  return { name, sidecar: found ?? null, ...(hasOtherExclusions ? { otherExclusions: true } : {}) };
}
