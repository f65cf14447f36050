import { Command } from "commander";
import { patientConnection } from "../kube/patient-connection.ts";
import { meshPlace } from "../mesh/names.ts";
import { asReconciler, clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { type OutputFormat, outputOption } from "./output.ts";
import { runSteps } from "./progress.ts";
import { stopOnSignal } from "./stop-signal.ts";
import { uninstallText } from "./uninstall/report.ts";
import { Uninstallation, type UninstallTask } from "./uninstall/uninstallation.ts";

interface UninstallOptions {
  readonly force?: boolean;
  readonly gitopsSuspended?: boolean;
  readonly dryRun?: boolean;
  readonly meshName: string;
  readonly output: OutputFormat;
}

/** `osm uninstall`: may be run again at any time, and then takes away what is left. */
export function uninstallCommand(): Command {
  return withClusterOptions(new Command("uninstall"))
    .description("Take the mesh out of the cluster; refused while pods have a sidecar")
    .option("--force", "also then: open egress in every sidecar first, for good, and leave them")
    .option(
      "--gitops-suspended",
      "with --force: the GitOps tool that has applied the mesh brings nothing back meanwhile",
    )
    .option("--mesh-name <name>", "value of the namespaces' membership label", meshPlace.meshName)
    .option("--dry-run", "list what would be removed, and who has a sidecar; change nothing")
    .addOption(outputOption(["table", "json", "yaml"]))
    .action(async (options: UninstallOptions, command: Command) => {
      const cluster = clusterOptions(command);
      await runUninstall(
        {
          place: { meshName: options.meshName, osmNamespace: cluster.osmNamespace },
          connection: patientConnection(connect(cluster)),
          reconciler: connect(cluster, asReconciler),
          force: options.force ?? false,
          gitopsSuspended: options.gitopsSuspended ?? false,
          dryRun: options.dryRun ?? false,
        },
        options.output,
      );
    });
}

/**
 * Carries it out, and prints what came of it whether or not it ends well. The exit code becomes 3 where pods keep a
 * sidecar.
 */
async function runUninstall(task: UninstallTask, output: OutputFormat): Promise<void> {
  const stop = new AbortController();
  // Everything else may end at any moment.
  const isOpening = task.force && !task.dryRun;
  const unlisten = isOpening ? stopOnSignal(stop, toldToEnd()) : () => undefined;
  stop.signal.addEventListener("abort", () => process.stderr.write(ending));
  const uninstallation = new Uninstallation({ ...task, ...(isOpening ? { interrupted: stop.signal } : {}) });
  try {
    // Standard output is the report's alone where a program reads it.
    await runSteps(
      uninstallation.steps,
      output === "table" ? process.stdout : process.stderr,
      isOpening ? stop.signal : undefined,
    );
  } finally {
    await uninstallation.end();
    unlisten();
    const { report } = uninstallation;
    if (report) console.log(uninstallText(report, output));
  }
  const { workloads = [], opened } = uninstallation.report ?? {};
  if (!task.dryRun && (workloads.length > 0 || (opened?.missing.length ?? 0) > 0)) process.exitCode = 3;
}

const ending = "Ending in order. Once more ends it at once, and may leave sidecars open.\n";

function toldToEnd(): CommandError {
  return new CommandError("told to end in the middle", "osm uninstall goes on from here; osm install goes back");
}
