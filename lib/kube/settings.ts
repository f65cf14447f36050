/** `$KUBECONFIG`, as kubectl reads it: files, one after the other; empty where it is not set. */
export function kubeconfigVariable(): string {
  return process.env["KUBECONFIG"] ?? "";
}
