import { Command } from "commander";
import { stringify } from "yaml";
import { allObjects, manifests } from "#deploy/manifests.ts";
import { osmConfig } from "#deploy/osm-config.ts";
import type { Parameters } from "#deploy/parameters.ts";
import { forwarderName } from "#deploy/rbac/forwarder.ts";
import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { objectPath } from "../kube/kinds.ts";
import { apply, expectOk, type KubeObject, read } from "../kube/objects.ts";
import { clusterOptions, connect, withClusterOptions } from "./cluster-options.ts";
import { checkCluster, waitEstablished, waitPolicyInForce } from "./install-checks.ts";
import { type InstallOptions, parametersOf, withInstallOptions } from "./install-options.ts";
import { type ConfigEdit, commandManager, createOrEdit } from "./osm-config-edit.ts";
import { runSteps, type Step } from "./progress.ts";

/** `osm install`: may be run again at any time, and then changes only what differs or was asked for. */
export function installCommand(): Command {
  const command = new Command("install").description(
    "Install the mesh into the cluster, or bring an installation up to date",
  );
  return withInstallOptions(withClusterOptions(command)).action(async (options: InstallOptions) => {
    const cluster = clusterOptions(command);
    const parameters = parametersOf(options, cluster.osmNamespace);
    if (options.dryRun) {
      process.stdout.write(printed(allObjects(parameters), options.output));
      return;
    }
    await runSteps(installSteps(connect(cluster), parameters, options));
    process.stdout.write(nextSteps(parameters));
  });
}

function printed(objects: readonly KubeObject[], format: "yaml" | "json"): string {
  if (format === "json") return `${JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, null, 2)}\n`;
  return objects.map((object) => `---\n${stringify(object, { aliasDuplicateObjects: false })}`).join("");
}

/** Flags that leave things as they are when they are not given. */
type AskedOptions = Pick<InstallOptions, "enableEgress" | "enablePermissiveTrafficPolicy" | "strict">;

/** Each step needs what those before it made. */
export function installSteps(
  connection: KubeConnection,
  parameters: Parameters,
  options: AskedOptions,
): readonly Step[] {
  const steps = manifests(parameters);
  const applyAll = async (objects: readonly KubeObject[]) => {
    for (const object of objects) await apply(connection, objectPath(object), object, { manager: commandManager });
    return `${objects.length} objects`;
  };
  return [
    { title: "Cluster", run: async () => `Kubernetes ${await checkCluster(connection, parameters)}` },
    {
      title: "Namespace and custom resources",
      run: async (say) => {
        const count = await applyAll(steps.definitions);
        say("waiting until they are served");
        await waitEstablished(connection, steps.definitions);
        return count;
      },
    },
    { title: "Access of the reconciler", run: () => applyAll(steps.access) },
    { title: "Injection parameter and rollout", run: () => applyAll(steps.objects) },
    {
      title: "Admission policies",
      run: async (say) => {
        await applyAll(steps.policies);
        await applyAll(steps.bindings);
        say("waiting until a bad value is refused");
        await waitPolicyInForce(connection, parameters);
        return `${steps.policies.length} in force`;
      },
    },
    { title: "Strict mode", run: () => strictMode(connection, steps.strict, options.strict) },
    {
      title: `ConfigMap ${parameters.osmNamespace}/osm-config`,
      run: async () => editText(await createOrEdit(connection, osmConfig(parameters), asked(options))),
    },
    {
      title: "Forwarder",
      run: async () => (parameters.bus ? applyAll(steps.forwarder) : withoutBus(connection, parameters)),
    },
  ];
}

async function strictMode(
  connection: KubeConnection,
  objects: readonly KubeObject[],
  wanted: boolean | undefined,
): Promise<string> {
  if (wanted === true) {
    for (const object of objects) await apply(connection, objectPath(object), object, { manager: commandManager });
    return "on: pods that could get around their sidecar are refused";
  }
  if (wanted === false) {
    // The binding first: a binding without its policy would be an error at every pod.
    for (const object of objects.toReversed()) await removeIfThere(connection, object);
    return "off";
  }
  const found = await Promise.all(objects.map((object) => read(connection, objectPath(object))));
  return found.every((object) => object !== undefined) ? "on, as it was" : "off";
}

async function removeIfThere(connection: KubeConnection, object: KubeObject): Promise<void> {
  try {
    await expectOk(connection, { method: "DELETE", path: objectPath(object) });
  } catch (error) {
    if (!(error instanceof EgressError && error.reason === "object-missing")) throw error;
  }
}

/** Only what the flags name. */
function asked(
  options: Pick<InstallOptions, "enableEgress" | "enablePermissiveTrafficPolicy">,
): Record<string, string> {
  const { enableEgress, enablePermissiveTrafficPolicy } = options;
  return {
    ...(enableEgress === undefined ? {} : { egress: String(enableEgress) }),
    ...(enablePermissiveTrafficPolicy === undefined
      ? {}
      : { permissive_traffic_policy_mode: String(enablePermissiveTrafficPolicy) }),
  };
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
