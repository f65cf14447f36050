import { Command } from "commander";
import type { KubeConnection } from "../kube/connection.ts";
import { keyOwners } from "../kube/field-owners.ts";
import { expectOk } from "../kube/objects.ts";
import { isPerson } from "../mesh/field-manager.ts";
import { mode } from "../mesh/mode.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { positiveNumber } from "./numbers.ts";
import { runSteps, type Step } from "./progress.ts";
import { type OsmConfigObject, osmConfigPath, readOsmConfig } from "./rollout-reader.ts";
import { RolloutWait } from "./rollout-wait.ts";

const cliManager = "osm";

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
  const change: Step = {
    title: `egress: "${egress}" in ConfigMap ${namespace}/osm-config`,
    run: async () => {
      const found = await readOsmConfig(connection, namespace);
      const owners = keyOwners(found?.metadata.managedFields, "egress").filter((it) => !isPerson(it));
      wait.resourceVersion = await patchEgress(connection, namespace, egress);
      if (owners.length === 0) return undefined;
      return `written, but ${owners.join(", ")} owns this value and may write its own again; change it there too`;
    },
  };
  await runSteps([change, ...wait.steps]);
  wait.report();
}

async function patchEgress(connection: KubeConnection, namespace: string, egress: boolean): Promise<string> {
  const response = await expectOk(connection, {
    method: "PATCH",
    path: osmConfigPath(namespace),
    query: { fieldManager: cliManager },
    contentType: "application/merge-patch+json",
    body: { data: { egress: String(egress) } },
  });
  return (JSON.parse(response.text) as OsmConfigObject).metadata.resourceVersion;
}
