import { Command } from "commander";
import type { KubeConnection } from "../kube/connection.ts";
import { expectOk, read } from "../kube/objects.ts";
import { commandManager } from "../mesh/field-manager.ts";
import { systemNamespaces } from "../mesh/injection-rule.ts";
import { annotations, labels, type MeshPlace, meshPlace } from "../mesh/names.ts";
import { asReconciler, clusterOptions, connect, explainImpersonation, withClusterOptions } from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { checkIpFamily } from "./ip-family.ts";
import { checkCaptureAllowed, checkInjected, injectedImage } from "./namespace-checks.ts";
import { runSteps, type Step } from "./progress.ts";
import { renderNamespaces } from "./render-namespaces.ts";

interface AddOptions {
  readonly meshName: string;
  readonly disableSidecarInjection?: boolean;
}

export function namespaceAddCommand(): Command {
  const command = new Command("add")
    .description("Add namespaces to the mesh; pods that run already get their sidecar when they are restarted")
    .argument("<namespaces...>")
    .option("--mesh-name <name>", "value of the membership label", meshPlace.meshName)
    .option("--disable-sidecar-injection", "members without sidecars, until a pod asks for one");
  return withClusterOptions(command).action(async (namespaces: string[], options: AddOptions) => {
    const cluster = clusterOptions(command);
    const place = { meshName: options.meshName, osmNamespace: cluster.osmNamespace };
    await runSteps(
      addSteps(connect(cluster), connect(cluster, asReconciler), place, namespaces, !options.disableSidecarInjection),
    );
  });
}

/** Checks first, for all of them; then the ConfigMaps, then the labels: a pod must not come before its configuration. */
export function addSteps(
  connection: KubeConnection,
  reconciler: KubeConnection,
  place: MeshPlace,
  namespaces: readonly string[],
  inject: boolean,
): readonly Step[] {
  let image = "";
  return [
    {
      title: "Namespaces",
      run: async () => {
        image = await injectedImage(connection, place.osmNamespace);
        await checkIpFamily(connection);
        for (const namespace of namespaces) await checkMayJoin(connection, place, namespace);
        const notes = inject ? await captureNotes(connection, namespaces, image) : [];
        return [`${namespaces.length} may join`, ...notes].join("; ");
      },
    },
    {
      title: "Sidecar configuration",
      run: async () => `${await render(reconciler, place, namespaces)} service accounts`,
    },
    ...namespaces.map((namespace) => ({
      title: `Namespace [${namespace}]`,
      run: async () => {
        await label(connection, place, namespace, inject);
        const unknown = inject ? await checkInjected(connection, namespace, image) : undefined;
        const doubt = unknown === undefined ? "" : `; injection could not be tried: ${unknown}`;
        return `successfully added to mesh [${place.meshName}]${doubt}`;
      },
    })),
  ];
}

async function checkMayJoin(connection: KubeConnection, place: MeshPlace, namespace: string): Promise<void> {
  if (systemNamespaces.some((it) => it === namespace) || namespace === place.osmNamespace) {
    throw new CommandError(
      `namespace ${namespace} cannot be in the mesh: the cluster or the mesh itself depends on it`,
      "choose another",
    );
  }
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const found = await read<{ readonly metadata: { readonly labels?: Readonly<Record<string, string>> } }>(
    connection,
    path,
  );
  if (!found) throw new CommandError(`namespace ${namespace} does not exist`, `kubectl create namespace ${namespace}`);
  const mesh = found.metadata.labels?.[labels.monitoredBy];
  if (mesh !== undefined && mesh !== place.meshName) {
    throw new CommandError(
      `namespace ${namespace} belongs to mesh ${mesh}, not ${place.meshName}`,
      "remove it from that mesh first",
    );
  }
}

async function captureNotes(
  connection: KubeConnection,
  namespaces: readonly string[],
  image: string,
): Promise<string[]> {
  const notes: string[] = [];
  for (const namespace of namespaces) {
    const unknown = await checkCaptureAllowed(connection, namespace, image);
    if (unknown !== undefined) notes.push(`whether ${namespace} takes captured pods could not be tried: ${unknown}`);
  }
  return notes;
}

async function render(reconciler: KubeConnection, place: MeshPlace, namespaces: readonly string[]): Promise<number> {
  try {
    return await renderNamespaces(reconciler, place, namespaces);
  } catch (error) {
    throw explainImpersonation(error);
  }
}

async function label(connection: KubeConnection, place: MeshPlace, namespace: string, inject: boolean): Promise<void> {
  await expectOk(connection, {
    method: "PATCH",
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}`,
    query: { fieldManager: commandManager },
    contentType: "application/merge-patch+json",
    body: {
      metadata: {
        labels: { [labels.monitoredBy]: place.meshName },
        annotations: { [annotations.injection]: inject ? "enabled" : "disabled" },
      },
    },
  });
}
