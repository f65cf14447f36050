import { osmNamespace } from "#lib/mesh/names.ts";
import type { Cluster } from "#test/cluster/cluster.ts";

const deployment = "deployment/osm-forwarder";
const inNamespace = ["-n", osmNamespace, "--timeout=60s"];

/** Lets the forwarder run, or stops it. @returns when its pod is ready, or gone */
export async function setForwarder(cluster: Cluster, runs: boolean): Promise<void> {
  await cluster.kubectl("scale", deployment, "-n", osmNamespace, `--replicas=${runs ? 1 : 0}`);
  await (runs
    ? cluster.kubectl("rollout", "status", deployment, ...inNamespace)
    : cluster.kubectl("wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=osm-forwarder", ...inNamespace));
}

/** Its lines so far, oldest first. */
export async function forwarderLog(cluster: Cluster): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const text = await cluster.kubectl("logs", deployment, "-n", osmNamespace);
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
