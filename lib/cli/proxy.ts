import { Command } from "commander";
import { contextNamespace } from "../kube/kubeconfig.ts";
import { ports } from "../mesh/names.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { type OutputFormat, outputOption, structuredText } from "./output.ts";
import { podNamed } from "./pod-named.ts";
import { askLive, configOf, findPod } from "./proxy-pod.ts";
import { configView, type LiveQuery, liveQueries, resourcesOf } from "./proxy-views.ts";

interface GetOptions {
  readonly namespace?: string;
  readonly output: OutputFormat;
}

const files = { clusters: "cds.json", listeners: "lds.json", routes: "rds.json" } as const;

/** `osm proxy …` */
export function proxyCommand(): Command {
  return new Command("proxy").description("What a pod's sidecar runs, and says").addCommand(getCommand());
}

function getCommand(): Command {
  return withClusterOptions(new Command("get"))
    .description(`Print one thing about a pod's sidecar; QUERY is one of ${Object.keys(queries).join(", ")}`)
    .argument("<query>", "what to print")
    .argument("<pod>", "POD, or NAMESPACE/POD")
    .option("-n, --namespace <namespace>", "of the pod (default: the context's)")
    .addOption(outputOption(["json", "yaml"]).default("json"))
    .action(async (query: string, pod: string, options: GetOptions, command: Command) => {
      const known = Object.hasOwn(queries, query) ? queries[query as Query] : undefined;
      if (!known) throw unknownQuery(query);
      const cluster = clusterOptions(command);
      const { namespace, name } = podNamed(pod, options.namespace, () => contextNamespace(cluster));
      const connection = connect(cluster);
      const found = await findPod(connection, namespace, name);
      if ("live" in known) {
        console.log(await askLive(connection, found, known.live));
        return;
      }
      const map = await configOf(connection, found);
      if (known.file !== undefined) {
        console.log(structuredText(formatOf(options), resourcesOf(map, known.file)));
        return;
      }
      if (query === "config_dump") process.stderr.write(`${noDump}\n`);
      console.log(structuredText(formatOf(options), await configView(connection, found, map)));
    });
}

type Query = keyof typeof queries;

/** Each either asks the sidecar's status port, or shows the ConfigMap, whole or one file of it. */
const queries = {
  ready: { live: liveQueries.ready },
  stats: { live: liveQueries.stats },
  prometheus: { live: liveQueries.prometheus },
  config: { file: undefined },
  config_dump: { file: undefined },
  clusters: { file: files.clusters },
  listeners: { file: files.listeners },
  routes: { file: files.routes },
} as const satisfies Record<
  string,
  { readonly live: LiveQuery } | { readonly file: (typeof files)[keyof typeof files] | undefined }
>;

const noDump =
  "config_dump: Envoy's own is behind a socket inside the sidecar, which nobody enters; this is its ConfigMap, and whether it runs these bytes";

function formatOf({ output }: GetOptions): "json" | "yaml" {
  return output === "yaml" ? "yaml" : "json";
}

function unknownQuery(query: string): CommandError {
  const why: Readonly<Record<string, string>> = { certs: ": sidecars have no certificates, the mesh does no mTLS" };
  return new CommandError(
    `there is no query ${query}${why[query] ?? ""}`,
    `one of ${Object.keys(queries).join(", ")}; more is not served on port ${ports.status}, and Envoy's admin interface by nobody`,
  );
}
