import { KubeConfig } from "@kubernetes/client-node";
import { type Impersonation, type KubeConnection, openConnection } from "./connection.ts";

/**
 * The cluster that kubectl would speak to: `--kubeconfig`, `$KUBECONFIG`, `~/.kube/config`, and in a pod without any of
 * them its service account.
 * Idle connections are closed after undici's 4 s, so a watch that gave up a dead one finds no other dead one to go on with.
 *
 * @param choice.context  of the kubeconfig; its current one when absent
 */
export function openKubeconfig(
  choice: { readonly kubeconfig?: string; readonly context?: string } = {},
  impersonate?: Impersonation,
): KubeConnection {
  const config = new KubeConfig();
  if (choice.kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(choice.kubeconfig);
  if (choice.context !== undefined) config.setCurrentContext(choice.context);
  return openConnection(config, impersonate);
}
