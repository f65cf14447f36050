import { Command } from "commander";
import { allObjects, manifests } from "#deploy/manifests.ts";
import { namedValues, osmConfig } from "#deploy/osm-config.ts";
import type { Parameters } from "#deploy/parameters.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { collectionPath, objectPath } from "../kube/kinds.ts";
import { expectOk, type KubeObject, read } from "../kube/objects.ts";
import { parseBoolean } from "../mesh/boolean.ts";
import { installManager } from "../mesh/field-manager.ts";
import { forwarderName } from "../mesh/names.ts";
import { isInjecting, objectName } from "../rollout/drift/guard-object.ts";
import { applyManifest } from "./apply-manifest.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { checkCluster, waitPolicyInForce, waitServed } from "./install-checks.ts";
import { type InstallOptions, parametersOf, withInstallOptions } from "./install-options.ts";
import { editText, nextSteps, printed, withoutInjection } from "./install-texts.ts";
import { readInstalled } from "./installed.ts";
import { findObsolete } from "./obsolete.ts";
import { createOrEdit } from "./osm-config-edit.ts";
import { injectsSince } from "./policy-api.ts";
import { runSteps, type Step } from "./progress.ts";
import { removeIfThere } from "./remove-object.ts";
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
      const injects = options.kubeVersion === undefined || injectsSince(options.kubeVersion);
      const objects = allObjects({ ...parametersOf(options, cluster.osmNamespace), injects });
      const taken = objects.filter((object) => injects || !isInjecting(object));
      process.stdout.write(printed(taken, options.output));
      return;
    }
    if (options.kubeVersion !== undefined) {
      throw new CommandError("--kube-version is for --dry-run: here the cluster is asked", "leave it out");
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
  const why = installation.notInjecting();
  if (why !== undefined) process.stderr.write(withoutInjection(why, parameters));
}

export interface Installation {
  /** Each step needs what those before it made. */
  readonly steps: readonly Step[];
  /** After the steps: what they changed of osm-config in a mesh that some pass has taken up before. */
  change(): { readonly egress: boolean; readonly resourceVersion: string } | undefined;
  /** After the first: why this API server puts no sidecar into pods; undefined where it does. */
  notInjecting(): string | undefined;
}

export function installationOf(connection: KubeConnection, parameters: Parameters): Installation {
  let change: ReturnType<Installation["change"]>;
  let notInjecting: string | undefined;
  const objects = manifests(parameters);
  const taken = (some: readonly KubeObject[]) =>
    some.filter((object) => notInjecting === undefined || !isInjecting(object));
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
    {
      title: "Cluster",
      run: async () => {
        const api = await checkCluster(connection, parameters);
        notInjecting = api.notInjecting;
        return `Kubernetes ${api.gitVersion}`;
      },
    },
    {
      title: "Namespace and custom resources",
      run: async (say) => {
        await createIfAbsent(connection, objects.namespace);
        const count = await applyAll(objects.definitions);
        say("waiting until they are served");
        await waitServed(connection, objects.definitions);
        return count;
      },
    },
    { title: "Access of the reconciler", run: () => applyAll(objects.access) },
    { title: "Injection parameter and rollout", run: () => applyAll(objects.objects) },
    {
      title: "Admission policies",
      run: async (say) => {
        const injects = notInjecting === undefined;
        const policies = taken(manifests({ ...parameters, injects }).policies);
        await applyAll(policies);
        await applyAll(taken(objects.bindings));
        say("waiting until a bad value is refused");
        await waitPolicyInForce(connection, parameters);
        // Of one of them it has been seen.
        return `${policies.length} applied, that of osm-config in force${notInjecting === undefined ? "" : ", none that injects"}`;
      },
    },
    { title: "Strict mode", run: () => strictMode(connection, objects.strict, parameters.strict) },
    { title: "Objects of earlier versions", run: () => removeObsolete(connection, parameters) },
    { title: `ConfigMap ${parameters.osmNamespace}/osm-config`, run: editConfig },
    {
      title: "Forwarder",
      run: async () => (parameters.bus ? applyAll(objects.forwarder) : withoutBus(connection, parameters)),
    },
  ];
  return { steps, change: () => change, notInjecting: () => notInjecting };
}

async function removeObsolete(connection: KubeConnection, parameters: Parameters): Promise<string> {
  const obsolete = await findObsolete(connection, parameters);
  for (const object of obsolete) await removeIfThere(connection, object);
  return obsolete.length === 0 ? "none" : `removed: ${obsolete.map(objectName).join(", ")}`;
}

async function createIfAbsent(connection: KubeConnection, object: KubeObject): Promise<void> {
  if ((await read(connection, objectPath(object))) !== undefined) return;
  await expectOk(connection, {
    method: "POST",
    path: collectionPath(object),
    query: { fieldManager: installManager },
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

async function withoutBus(connection: KubeConnection, parameters: Parameters): Promise<string> {
  const path = `/apis/apps/v1/namespaces/${parameters.osmNamespace}/deployments/${forwarderName}`;
  if ((await read(connection, path)) !== undefined) return "left as it is";
  return "none; give --event-bus-name, --cluster-name and --region, or run: osm reconcile --watch";
}
