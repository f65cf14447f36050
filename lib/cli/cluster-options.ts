import type { Command } from "commander";
import { EgressError } from "../errors.ts";
import { type Impersonation, type KubeConnection, openConnection } from "../kube/connection.ts";
import { type ContextChoice, readKubeconfig } from "../kube/kubeconfig.ts";
import { kubeconfigPlace } from "../kube/kubeconfig-place.ts";
import { meshPlace, reconcilersGroup } from "../mesh/names.ts";
import { CommandError } from "./failure.ts";
import type { Circumstances } from "./trouble/circumstances.ts";

/** Options of every command that speaks to a cluster, taken before and after the command's name as kubectl does. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly osmNamespace: string;
}

export function withClusterOptions(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)")
    .option("--context <name>", "context of the kubeconfig (default: its current one)")
    .option("--osm-namespace <namespace>", `namespace of osm-config (default: "${meshPlace.osmNamespace}")`);
}

/** What was given nearest to the command wins. */
export function clusterOptions(command: Command): ClusterOptions {
  let options: Partial<ClusterOptions> = {};
  for (let at: Command | null = command; at; at = at.parent)
    options = { ...at.opts<Partial<ClusterOptions>>(), ...options };
  const { kubeconfig, context, osmNamespace = meshPlace.osmNamespace } = options;
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    osmNamespace,
  };
}

/** @throws CommandError where there is no kubeconfig that can be used */
export function connect(options: Partial<ClusterOptions>, impersonate?: Impersonation): KubeConnection {
  const read = readKubeconfig(choiceOf(options));
  if (!read.ok) throw new CommandError(read.fault.what, read.fault.remedy);
  return openConnection(read.value.config, impersonate);
}

/** For the words of a command's failure. */
export function circumstancesOf(command: Command): Circumstances {
  const names: string[] = [];
  for (let at: Command | null = command; at; at = at.parent) names.unshift(at.name());
  const choice = choiceOf(clusterOptions(command));
  // Commands that speak to AWS alone have no such option.
  const hasCluster = command.options.some(({ long }) => long === "--kubeconfig");
  return { command: names.join(" "), choice, place: () => (hasCluster ? kubeconfigPlace(choice) : undefined) };
}

function choiceOf({ kubeconfig, context }: Partial<ClusterOptions>): ContextChoice {
  return { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) };
}

/** For writing what only the reconciler may; the person's own identity needs the verb `impersonate` on the group. */
export const asReconciler: Impersonation = { user: "osm-cli", groups: [reconcilersGroup] };

/**
 * What to say to somebody who may not impersonate. By name: without names the right would cover every group, and with
 * `system:masters` the whole cluster.
 */
const actAsReconciler = [
  "ask whoever administers the cluster for the right to act as this one group, for YOU:",
  `kubectl create clusterrole osm-act-as-reconciler --verb=impersonate --resource=groups,users --resource-name=${reconcilersGroup} --resource-name=${asReconciler.user}`,
  "kubectl create clusterrolebinding osm-act-as-reconciler --clusterrole=osm-act-as-reconciler --user=YOU",
].join("\n    ");

/** Of whatever ran as the reconciler: a refused impersonation with its remedy, everything else as it is. */
export function explainImpersonation(error: unknown): unknown {
  if (!(error instanceof EgressError && error.reason === "api-forbidden" && error.message.includes("impersonate")))
    return error;
  return new CommandError(
    `you may not act as group ${reconcilersGroup}, whose members alone write sidecar configuration`,
    actAsReconciler,
    error,
  );
}
