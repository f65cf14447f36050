import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import type { KubeConnection } from "../kube/connection.ts";
import { isPerson, keyOwners } from "../kube/field-owners.ts";
import { expectOk } from "../kube/objects.ts";
import { mode } from "../mesh/mode.ts";
import { conditionOf, type RolloutStatus } from "../rollout/status.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { laggingTable } from "./egress-status.ts";
import { CommandError } from "./failure.ts";
import { positiveNumber } from "./numbers.ts";
import { runSteps, type Step } from "./progress.ts";
import { type OsmConfigObject, osmConfigPath, readOsmConfig, readRolloutStatus } from "./rollout-reader.ts";

const pollMs = 200;
/** Nobody has looked at the change by then: no forwarder, no function, or neither works. */
const takeUpMs = 15_000;
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
  const steps: Step[] = [
    {
      title: `egress: "${egress}" in ConfigMap ${namespace}/osm-config`,
      run: async () => {
        const found = await readOsmConfig(connection, namespace);
        const owners = keyOwners(found?.metadata.managedFields, "egress").filter((it) => !isPerson(it));
        wait.resourceVersion = await patchEgress(connection, namespace, egress);
        if (owners.length === 0) return undefined;
        return `written, but ${owners.join(", ")} owns this value and may write its own again; change it there too`;
      },
    },
    { title: "taken up", run: () => wait.until((status) => isObserved(status, wait.resourceVersion), takeUpMs) },
    { title: "sidecars verified", run: (say) => wait.until(isConverged, undefined, (status) => say(share(status))) },
  ];
  if (!egress) steps.push({ title: "open egress connections cut", run: () => wait.until(isCut) });
  await runSteps(steps);
  console.log(`egress is ${mode(egress)}: ${share(wait.last)} sidecars verified`);
  const lagging = wait.last.lagging ?? [];
  if (lagging.length > 0) {
    console.log(laggingTable(lagging));
    process.exitCode = 3;
  }
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

/** Polls the status: one small object, read by one person. */
class RolloutWait {
  readonly #connection: KubeConnection;
  readonly #namespace: string;
  readonly #egress: boolean;
  readonly #endMs: number;
  /** Of osm-config after the change; a status that has seen an older one says nothing about it. */
  resourceVersion = "0";
  last: RolloutStatus = {};

  constructor(connection: KubeConnection, namespace: string, egress: boolean, timeoutMs: number) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#egress = egress;
    this.#endMs = Date.now() + timeoutMs;
  }

  async until(
    reached: (status: RolloutStatus) => boolean,
    patienceMs?: number,
    onProgress: (status: RolloutStatus) => void = () => undefined,
  ): Promise<undefined> {
    const endMs = patienceMs === undefined ? this.#endMs : Math.min(this.#endMs, Date.now() + patienceMs);
    for (;;) {
      this.last = await readRolloutStatus(this.#connection, this.#namespace);
      const observed = isObserved(this.last, this.resourceVersion);
      if (observed) this.#expectOurs();
      if (observed) onProgress(this.last);
      if (observed && reached(this.last)) return undefined;
      if (Date.now() > endMs) throw observed ? this.#notThere() : this.#notTakenUp();
      await sleep(pollMs);
    }
  }

  #expectOurs(): void {
    if (this.last.target?.egress === this.#egress) return;
    throw new CommandError(
      `somebody has set egress to ${JSON.stringify(this.last.observed?.raw ?? null)} meanwhile`,
      "see who: osm egress status -o wide",
    );
  }

  #notTakenUp(): CommandError {
    return new CommandError(
      "osm-config is changed, but nobody has taken the change up yet",
      `is the forwarder running (kubectl get pods -n ${this.#namespace})? The drift schedule comes later; without AWS: osm reconcile`,
    );
  }

  #notThere(): CommandError {
    const condition = conditionOf(this.last, "Converged");
    return new CommandError(
      `not there in time: ${condition?.message ?? "no status"}`,
      "go on looking: osm egress status",
    );
  }
}

function share(status: RolloutStatus): string {
  return `${status.sidecars?.verified ?? 0} of ${status.sidecars?.total ?? 0}`;
}

/** Resource versions of one object may be compared as numbers. */
function isObserved(status: RolloutStatus, resourceVersion: string): boolean {
  const seen = status.observed?.resourceVersion;
  return seen !== undefined && BigInt(seen) >= BigInt(resourceVersion);
}

function isConverged(status: RolloutStatus): boolean {
  return conditionOf(status, "Converged")?.status === "True";
}

function isCut(status: RolloutStatus): boolean {
  return conditionOf(status, "EgressCut")?.status === "True";
}
