import { Command } from "commander";
import type { KubeConnection } from "../kube/connection.ts";
import { expectOk } from "../kube/objects.ts";
import { changeManager } from "../mesh/field-manager.ts";
import { mode } from "../mesh/mode.ts";
import { osmConfigName } from "../mesh/names.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { notInstalled } from "./mesh-parts.ts";
import { positiveNumber } from "./numbers.ts";
import { otherOwners } from "./other-owners.ts";
import { runSteps, type Step } from "./progress.ts";
import { type OsmConfigObject, osmConfigPath, readOsmConfig, readRolloutStatus } from "./rollout-reader.ts";
import { RolloutWait } from "./rollout-wait.ts";

/** `osm egress enable` and `disable`: change osm-config and wait until every sidecar has answered. */
export function egressSwitchCommand(name: "enable" | "disable"): Command {
  const egress = name === "enable";
  return withClusterOptions(new Command(name))
    .description(`Turn egress ${mode(egress)} and wait until every sidecar has been verified`)
    .option("--timeout <seconds>", "how long to wait", positiveNumber, 60)
    .action(async ({ timeout }: { readonly timeout: number }, command: Command) => {
      const options = clusterOptions(command);
      await runSwitch(connect(options), options.osmNamespace, egress, timeout * 1000);
    });
}

async function runSwitch(
  connection: KubeConnection,
  namespace: string,
  egress: boolean,
  timeoutMs: number,
): Promise<void> {
  const wait = new RolloutWait(connection, namespace, egress, timeoutMs);
  await runSteps([changeStep(connection, namespace, egress, wait), ...wait.steps]);
  wait.report();
}

/** Writes the switch, and tells the wait which version of osm-config that made. */
export function changeStep(
  connection: KubeConnection,
  namespace: string,
  egress: boolean,
  wait: Pick<RolloutWait, "resourceVersion">,
): Step {
  return {
    title: `egress: "${egress}" in ConfigMap ${namespace}/osm-config`,
    run: async () => {
      const found = await readOsmConfig(connection, namespace);
      if (!found) throw await notInstalled(connection, namespace, `ConfigMap ${namespace}/${osmConfigName}`);
      // Without it nobody could tell what becomes of the change.
      await readRolloutStatus(connection, namespace);
      const owners = otherOwners(found, found.data?.["egress"] === String(egress) ? [] : [["data", "egress"]]);
      wait.resourceVersion = await patchEgress(connection, namespace, egress);
      return owners && `written; ${owners}`;
    },
  };
}

async function patchEgress(connection: KubeConnection, namespace: string, egress: boolean): Promise<string> {
  const response = await expectOk(connection, {
    method: "PATCH",
    path: osmConfigPath(namespace),
    query: { fieldManager: changeManager },
    contentType: "application/merge-patch+json",
    body: { data: { egress: String(egress) } },
  });
  return (JSON.parse(response.text) as OsmConfigObject).metadata.resourceVersion;
}
