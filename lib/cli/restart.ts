import { Command } from "commander";
import type { KubeConnection } from "../kube/connection.ts";
import { patientConnection } from "../kube/patient-connection.ts";
import { readWorkload, restartWorkload } from "../kube/workloads.ts";
import type { WantedSidecar } from "../rollout/restart/outdated.ts";
import { workloadText } from "../rollout/restart/workload.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { installedSidecar } from "./namespace-checks.ts";
import { positiveNumber } from "./numbers.ts";
import { type OutputFormat, outputOption } from "./output.ts";
import { runSteps, type Step } from "./progress.ts";
import { type PlannedRestart, type RestartPlan, readRestartPlan } from "./restart-plan.ts";
import { type Outcome, reportText } from "./restart-report.ts";
import { waitForWorkload } from "./workload-wait.ts";

interface RestartOptions {
  readonly outdated?: boolean;
  readonly namespace?: readonly string[];
  readonly dryRun?: boolean;
  readonly timeout: number;
  readonly output: OutputFormat;
}

/** `osm restart`: gives pods that run already the sidecar that new ones get, one workload after the other. */
export function restartCommand(): Command {
  return withClusterOptions(new Command("restart"))
    .description(
      "Restart, one after the other, the workloads whose pods have no sidecar, another than the installed, or other exclusions",
    )
    .option("--outdated", "required: only those are restarted")
    .option("-n, --namespace <namespaces...>", "only in these namespaces")
    .option("--dry-run", "list them, and restart nothing")
    .option("--timeout <seconds>", "how long each workload has to come up", positiveNumber, 300)
    .addOption(outputOption(["table", "json", "yaml"]))
    .action(async (options: RestartOptions, command: Command) => {
      if (!options.outdated) {
        throw new CommandError(
          "osm restart wants to be told which workloads: it knows those with outdated sidecars",
          "osm restart --outdated; with --dry-run it only lists them",
        );
      }
      const cluster = clusterOptions(command);
      const connection = patientConnection(connect(cluster));
      const wanted = await installedSidecar(connection, cluster.osmNamespace);
      await restartOutdated(connection, await readRestartPlan(connection, wanted, options.namespace), options);
    });
}

/**
 * Carries the plan out, and prints what came of it whether or not it ends well. The exit code becomes 3 where pods stay
 * that no restart replaces.
 *
 * @throws CommandError of the first workload that does not come up; those after it are left as they are
 */
export async function restartOutdated(
  connection: KubeConnection,
  plan: RestartPlan,
  { dryRun, timeout, output }: Pick<RestartOptions, "dryRun" | "timeout" | "output">,
): Promise<void> {
  const outcomes = plan.workloads.map((planned) => firstOutcome(planned, dryRun === true));
  const print = () => console.log(reportText(plan, outcomes, output));
  if (dryRun) return print();
  const steps = plan.workloads.flatMap((planned, at): Step[] => {
    if (planned.obstacle !== undefined) return [];
    const keep = (outcome: Outcome) => {
      outcomes[at] = outcome;
    };
    return [restartStep(connection, planned, plan.wanted, timeout * 1000, keep)];
  });
  try {
    // Standard output is the report's alone where a program reads it.
    await runSteps(steps, output === "table" ? process.stdout : process.stderr);
  } finally {
    print();
  }
  if (plan.byHand.length > 0 || outcomes.some(({ kind }) => kind === "skipped")) process.exitCode = 3;
}

function firstOutcome({ obstacle }: PlannedRestart, dryRun: boolean): Outcome {
  if (obstacle !== undefined) return { kind: "skipped", why: obstacle };
  return { kind: dryRun ? "planned" : "not-begun" };
}

function restartStep(
  connection: KubeConnection,
  { workload }: PlannedRestart,
  wanted: WantedSidecar,
  timeoutMs: number,
  keep: (outcome: Outcome) => void,
): Step {
  const restart = async (say: (state: string) => void): Promise<number | undefined> => {
    if (!(await readWorkload(connection, workload))) return undefined;
    const restartedAt = new Date().toISOString();
    const generation = await restartWorkload(connection, workload, restartedAt);
    return waitForWorkload(connection, { workload, generation, restartedAt }, wanted, timeoutMs, say);
  };
  return {
    title: workloadText(workload),
    run: async (say) => {
      try {
        const pods = await restart(say);
        keep(pods === undefined ? { kind: "gone" } : { kind: "restarted" });
        return pods === undefined ? "deleted meanwhile" : `restarted; pods with sidecar ${wanted.image}: ${pods}`;
      } catch (error) {
        keep({ kind: "failed", why: error instanceof Error ? error.message : String(error) });
        throw error;
      }
    },
  };
}
