import { Command } from "commander";
import { stringify } from "yaml";
import { allObjects, manifests } from "#deploy/manifests.ts";
import { namedValues, osmConfig } from "#deploy/osm-config.ts";
import type { Parameters } from "#deploy/parameters.ts";
import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { collectionPath, objectPath } from "../kube/kinds.ts";
import { expectOk, type KubeObject, read } from "../kube/objects.ts";
import { parseBoolean } from "../mesh/boolean.ts";
import { commandManager } from "../mesh/field-manager.ts";
import { forwarderName } from "../mesh/names.ts";
import { applyManifest } from "./apply-manifest.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { checkCluster, waitEstablished, waitPolicyInForce } from "./install-checks.ts";
import { type InstallOptions, parametersOf, withInstallOptions } from "./install-options.ts";
import { readInstalled } from "./installed.ts";
import { type ConfigEdit, createOrEdit } from "./osm-config-edit.ts";
import { runSteps, type Step } from "./progress.ts";
import { readRolloutStatus } from "./rollout-reader.ts";
import { RolloutWait } from "./rollout-wait.ts";

/** For a change of osm-config in a mesh that runs to be everywhere. */
const rolloutMs = 60_000;

/** `osm install`: may be run again at any time, and then changes only what differs or was asked for. */
export function installCommand(): Command {
  const command = new Command("install").description(
    "Install the mesh into the cluster, or bring an installation up to date",
  );
  return withInstallOptions(withClusterOptions(command)).action(async (options: InstallOptions) => {
    const cluster = clusterOptions(command);
    if (options.dryRun) {
      process.stdout.write(printed(allObjects(parametersOf(options, cluster.osmNamespace)), options.output));
      return;
    }
    await runInstall(connect(cluster), options, cluster.osmNamespace);
  });
}

async function runInstall(connection: KubeConnection, options: InstallOptions, osmNamespace: string): Promise<void> {
  const installed = await readInstalled(connection, osmNamespace);
  const parameters = parametersOf(options, osmNamespace, installed);
  const installation = installationOf(connection, parameters);
  await runSteps(installation.steps);
  const change = installation.change();
  if (change) {
    const wait = new RolloutWait(connection, osmNamespace, change.egress, rolloutMs);
    wait.resourceVersion = change.resourceVersion;
    await runSteps(wait.steps);
    wait.report();
  }
  process.stdout.write(nextSteps(parameters));
}

function printed(objects: readonly KubeObject[], format: "yaml" | "json"): string {
  if (format === "json") return `${JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, null, 2)}\n`;
  return objects.map((object) => `---\n${stringify(object, { aliasDuplicateObjects: false })}`).join("");
}

export interface Installation {
  /** Each step needs what those before it made. */
  readonly steps: readonly Step[];
  /** After the steps: what they changed of osm-config in a mesh that some pass has taken up before. */
  change(): { readonly egress: boolean; readonly resourceVersion: string } | undefined;
}

export function installationOf(connection: KubeConnection, parameters: Parameters): Installation {
  let change: ReturnType<Installation["change"]>;
  const objects = manifests(parameters);
  const applyAll = async (some: readonly KubeObject[]) => {
    for (const object of some) await applyManifest(connection, object);
    return `${some.length} objects`;
  };
  const editConfig = async () => {
    // Nobody may be there yet to take up the first one, and no pod whose sidecar could answer.
    const hasRun = (await readRolloutStatus(connection, parameters.osmNamespace)).target !== undefined;
    const edit = await createOrEdit(connection, osmConfig(parameters), namedValues(parameters));
    const egress = parseBoolean(edit.data["egress"] ?? "");
    if (hasRun && edit.kind !== "unchanged" && egress !== undefined) {
      change = { egress, resourceVersion: edit.resourceVersion };
    }
    return editText(edit);
  };
  const steps: readonly Step[] = [
    { title: "Cluster", run: async () => `Kubernetes ${await checkCluster(connection, parameters)}` },
    {
      title: "Namespace and custom resources",
      run: async (say) => {
        await createIfAbsent(connection, objects.namespace);
        const count = await applyAll(objects.definitions);
        say("waiting until they are served");
        await waitEstablished(connection, objects.definitions);
        return count;
      },
    },
    { title: "Access of the reconciler", run: () => applyAll(objects.access) },
    { title: "Injection parameter and rollout", run: () => applyAll(objects.objects) },
    {
      title: "Admission policies",
      run: async (say) => {
        await applyAll(objects.policies);
        await applyAll(objects.bindings);
        say("waiting until a bad value is refused");
        await waitPolicyInForce(connection, parameters);
        return `${objects.policies.length} in force`;
      },
    },
    { title: "Strict mode", run: () => strictMode(connection, objects.strict, parameters.strict) },
    { title: `ConfigMap ${parameters.osmNamespace}/osm-config`, run: editConfig },
    {
      title: "Forwarder",
      run: async () => (parameters.bus ? applyAll(objects.forwarder) : withoutBus(connection, parameters)),
    },
  ];
  return { steps, change: () => change };
}

async function createIfAbsent(connection: KubeConnection, object: KubeObject): Promise<void> {
  if ((await read(connection, objectPath(object))) !== undefined) return;
  await expectOk(connection, {
    method: "POST",
    path: collectionPath(object),
    query: { fieldManager: commandManager },
    body: object,
  });
}

async function strictMode(
  connection: KubeConnection,
  objects: readonly KubeObject[],
  wanted: boolean | undefined,
): Promise<string> {
  if (wanted === false) {
    // The binding first: a binding without its policy would be an error at every pod.
    for (const object of objects.toReversed()) await removeIfThere(connection, object);
    return "off";
  }
  const found = await Promise.all(objects.map((object) => read(connection, objectPath(object))));
  const isOn = found.every((object) => object !== undefined);
  if (wanted === undefined && !isOn) return "off";
  // Also where nobody asked: what is on is brought up to date with the rest.
  for (const object of objects) await applyManifest(connection, object);
  return wanted ? "on: pods that could get around their sidecar are refused" : "on, as it was";
}

async function removeIfThere(connection: KubeConnection, object: KubeObject): Promise<void> {
  try {
    await expectOk(connection, { method: "DELETE", path: objectPath(object) });
  } catch (error) {
    if (!(error instanceof EgressError && error.reason === "object-missing")) throw error;
  }
}

function editText(edit: ConfigEdit): string {
  const values = `egress ${JSON.stringify(edit.data["egress"] ?? "")}`;
  if (edit.kind !== "changed") return `${edit.kind}, ${values}`;
  if (edit.owners.length === 0) return `changed, ${values}`;
  return `changed, ${values}; ${edit.owners.join(", ")} owns what was changed and may set it back: change it there too`;
}

async function withoutBus(connection: KubeConnection, parameters: Parameters): Promise<string> {
  const path = `/apis/apps/v1/namespaces/${parameters.osmNamespace}/deployments/${forwarderName}`;
  if ((await read(connection, path)) !== undefined) return "left as it is";
  return "none; give --event-bus-name, --cluster-name and --region, or run: osm reconcile --watch";
}

function nextSteps({ osmNamespace, meshName }: Parameters): string {
  return [
    `OSM installed in namespace [${osmNamespace}] with mesh name [${meshName}]`,
    "Next: osm namespace add NAMESPACE",
    "",
  ].join("\n");
}
