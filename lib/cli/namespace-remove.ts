import { Command } from "commander";
import type { KubeConnection } from "../kube/connection.ts";
import { listAll } from "../kube/list.ts";
import { decodePod } from "../kube/pod-reader.ts";
import { labels, meshPlace, sidecar } from "../mesh/names.ts";
import { podKey } from "../rollout/observation.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { changeMembership, meshOf, readMember } from "./membership.ts";
import { tableText } from "./output.ts";
import { servesInjection } from "./policy-api.ts";
import { runSteps, type Step } from "./progress.ts";

export function namespaceRemoveCommand(): Command {
  const command = new Command("remove")
    .description("Take namespaces out of the mesh; pods keep their sidecar, and follow the switch, until restarted")
    .argument("<namespaces...>")
    .option("--mesh-name <name>", "value of the membership label", meshPlace.meshName);
  return withClusterOptions(command).action(
    async (namespaces: string[], { meshName }: { readonly meshName: string }) => {
      await removeNamespaces(connect(clusterOptions(command)), meshName, namespaces);
    },
  );
}

/** Prints who keeps a sidecar, also of those namespaces that are out when a later one is refused. */
export async function removeNamespaces(
  connection: KubeConnection,
  meshName: string,
  namespaces: readonly string[],
): Promise<void> {
  const removal = removalOf(connection, meshName, namespaces);
  try {
    await runSteps(removal.steps);
  } finally {
    if (removal.kept.length > 0) console.log(keptText(removal.kept, await servesInjection(connection)));
  }
}

/** Again on namespaces that have left, once their pods have been restarted, it takes off the label that they kept. */
export interface Removal {
  /** Checks first, for all of them. */
  readonly steps: readonly Step[];
  /** After the steps: pods that still have a sidecar, as `namespace/name`. */
  readonly kept: readonly string[];
}

export function removalOf(connection: KubeConnection, meshName: string, namespaces: readonly string[]): Removal {
  const kept: string[] = [];
  const steps: readonly Step[] = [
    {
      title: "Namespaces",
      run: async () => {
        for (const namespace of namespaces) await checkMember(connection, meshName, namespace);
        return `${namespaces.length} in mesh [${meshName}]`;
      },
    },
    ...namespaces.map((namespace) => ({
      title: `Namespace [${namespace}]`,
      run: async () => {
        // Marked at once, and not when its pods have been listed: nobody enters their sidecars meanwhile.
        const gone = { mesh: null, left: meshName, injection: null } as const;
        const owners = await changeMembership(connection, namespace, gone);
        const pods = await injectedPods(connection, namespace);
        kept.push(...pods);
        if (pods.length === 0) await changeMembership(connection, namespace, { ...gone, left: null });
        const removed = `successfully removed from mesh [${meshName}]`;
        const still = pods.length === 0 ? undefined : `${pods.length} pods keep their sidecar`;
        return [removed, owners, still].filter((part) => part !== undefined).join("; ");
      },
    })),
  ];
  return { steps, kept };
}

async function checkMember(connection: KubeConnection, meshName: string, namespace: string): Promise<void> {
  const found = await readMember(connection, namespace);
  if (!found) throw new CommandError(`namespace ${namespace} does not exist`, "osm namespace list shows the mesh's");
  const mesh = meshOf(found);
  const hasLeft = mesh === undefined && found.metadata.labels?.[labels.leftMesh] === meshName;
  if (mesh === meshName || hasLeft) return;
  throw new CommandError(
    mesh === undefined
      ? `namespace ${namespace} is in no mesh`
      : `namespace ${namespace} belongs to mesh ${mesh}, not ${meshName}`,
    mesh === undefined ? "osm namespace list shows the mesh's" : `give --mesh-name ${mesh}`,
  );
}

async function injectedPods(connection: KubeConnection, namespace: string): Promise<readonly string[]> {
  const pods = await listAll(connection, `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`, decodePod, {
    query: { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" },
  });
  return pods.filter(({ terminating }) => !terminating).map(podKey);
}

/** @param injects  the API server does; else the sidecar is in their template, and a restart would bring it back */
function keptText(kept: readonly string[], injects: boolean): string {
  return [
    "",
    "These pods keep their sidecar, and the reconciler keeps it configured, until they are restarted:",
    tableText(
      ["POD"],
      kept.map((pod) => [pod]),
    ),
    injects
      ? "Restart their workloads when it suits: kubectl rollout restart deployment -n NAMESPACE"
      : "Apply their manifests when it suits, as they were before osm inject",
    `Until then label ${labels.leftMesh} keeps people out of these sidecars, and out of any container named ${sidecar.container} there.`,
    "Afterwards take it off: osm namespace remove NAMESPACE, once more",
  ].join("\n");
}
