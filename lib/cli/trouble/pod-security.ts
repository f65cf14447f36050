/** @returns the level that forbids a pod, `baseline:latest`, where that is what the API server says */
export function forbiddingLevel(message: string): string | undefined {
  return /violates PodSecurity "([^"]+)"/.exec(message)?.[1];
}

/** @param kubectl  for the same cluster as the command's */
export function podSecurityRemedy(namespace: string, kubectl = "kubectl"): string {
  return `${kubectl} label namespace ${namespace} pod-security.kubernetes.io/enforce=privileged --overwrite, or leave it out of the mesh`;
}
