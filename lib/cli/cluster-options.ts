import type { Command } from "commander";
import { EgressError } from "../errors.ts";
import type { Impersonation, KubeConnection } from "../kube/connection.ts";
import { openKubeconfig } from "../kube/kubeconfig.ts";
import { meshPlace, reconcilersGroup } from "../mesh/names.ts";
import { CommandError } from "./failure.ts";

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

export function connect(options: ClusterOptions, impersonate?: Impersonation): KubeConnection {
  try {
    return openKubeconfig(options, impersonate);
  } catch (cause) {
    if (cause instanceof EgressError) throw cause;
    const file = options.kubeconfig ?? "of $KUBECONFIG or ~/.kube/config";
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(
      `kubeconfig ${file}: ${why}`,
      "choose one that kubectl can read, with --kubeconfig or $KUBECONFIG",
      cause,
    );
  }
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
