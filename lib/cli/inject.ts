import { text } from "node:stream/consumers";
import { Command } from "commander";
import { contextNamespace } from "../kube/kubeconfig.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { type InjectingMesh, meshOfCluster, meshOfFile } from "./inject/mesh.ts";
import { injectSources } from "./inject/render.ts";
import { readSources } from "./inject/sources.ts";

interface InjectOptions {
  readonly filename: readonly string[];
  readonly namespace?: string;
  readonly meshInjection?: string;
}

/** `osm inject`: what the injection policy does, in a pipe, for API servers that have no such policies. */
export function injectCommand(): Command {
  const command = new Command("inject")
    .description(
      "Print manifests with the sidecar in their pods, for clusters that cannot inject (before Kubernetes 1.36)",
    )
    .requiredOption(
      "-f, --filename <file>",
      "file, directory with all below it, or - for standard input; may be repeated",
      (name: string, others: readonly string[] | undefined) => [...(others ?? []), name],
    )
    .option("-n, --namespace <namespace>", "of objects that name none (default: the context's)")
    .option(
      "--mesh-injection <file>",
      "speak to no cluster: take the mesh's MeshInjection from this file, and every namespace for an enabled member",
    );
  return withClusterOptions(command).action(async (options: InjectOptions) => {
    const sources = await readSources(options.filename, () => text(process.stdin));
    const { mesh, namespace } = await meshFor(options, command);
    const injected = await injectSources(sources, mesh, options.namespace ?? namespace);
    // Standard output is the manifests' alone: it goes to kubectl.
    process.stderr.write(injected.notes.map((note) => `${note}\n`).join(""));
    process.stdout.write(injected.text);
  });
}

async function meshFor(
  { meshInjection }: InjectOptions,
  command: Command,
): Promise<{ readonly mesh: InjectingMesh; readonly namespace: string }> {
  const cluster = clusterOptions(command);
  if (meshInjection !== undefined) {
    return { mesh: await meshOfFile(meshInjection, cluster.osmNamespace), namespace: "default" };
  }
  const connection = connect(cluster);
  return { mesh: await meshOfCluster(connection, cluster.osmNamespace), namespace: contextNamespace(cluster) };
}
