import { Command } from "commander";
import { listAll } from "../kube/list.ts";
import { annotations, labels } from "../mesh/names.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { type OutputFormat, outputOption, structuredText, tableText } from "./output.ts";

/** As `-o json` prints it. */
export interface MeshNamespace {
  readonly name: string;
  readonly mesh: string;
  /** The namespace's own wish, as it stands; absent when it has none, which is the same as disabled. */
  readonly sidecarInjection?: string;
}

export function namespaceListCommand(): Command {
  const command = new Command("list")
    .description("List the namespaces of the mesh")
    .argument("[mesh]", "only this mesh's")
    .addOption(outputOption(["table", "json", "yaml"]));
  return withClusterOptions(command).action(
    async (mesh: string | undefined, options: { readonly output: OutputFormat }) => {
      const selector = mesh === undefined ? labels.monitoredBy : `${labels.monitoredBy}=${mesh}`;
      const found = await listAll(connect(clusterOptions(command)), "/api/v1/namespaces", decode, {
        query: { labelSelector: selector },
      });
      process.stdout.write(`${text(found, options.output)}\n`);
    },
  );
}

function decode(object: unknown): MeshNamespace {
  const { metadata } = object as {
    readonly metadata: {
      readonly name: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  };
  const sidecarInjection = metadata.annotations?.[annotations.injection];
  return {
    name: metadata.name,
    mesh: metadata.labels?.[labels.monitoredBy] ?? "",
    ...(sidecarInjection === undefined ? {} : { sidecarInjection }),
  };
}

function text(found: readonly MeshNamespace[], format: OutputFormat): string {
  if (format === "json" || format === "yaml") return structuredText(format, found);
  if (found.length === 0) return "No namespaces in any mesh";
  return tableText(
    ["NAMESPACE", "MESH", "SIDECAR-INJECTION"],
    found.map(({ name, mesh, sidecarInjection }) => [name, mesh, sidecarInjection ?? "-"]),
  );
}
