import { Command } from "commander";
import type { PlainInjection } from "#deploy/injection/plain.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { systemNamespaces } from "../mesh/injection-rule.ts";
import { type MeshPlace, meshPlace } from "../mesh/names.ts";
import { injectCommand } from "../rollout/drift/repairs.ts";
import { asReconciler, clusterOptions, connect, explainImpersonation, withClusterOptions } from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { checkIpFamily } from "./ip-family.ts";
import { changeMembership, meshOf, readMember } from "./membership.ts";
import { expectInstalled, otherMesh } from "./mesh-parts.ts";
import { checkCaptureAllowed, checkInjected, installedInjection } from "./namespace-checks.ts";
import { forecastText } from "./namespace-forecast.ts";
import { servesInjection } from "./policy-api.ts";
import { runSteps, type Step } from "./progress.ts";
import { renderNamespaces } from "./render-namespaces.ts";

interface AddOptions {
  readonly meshName: string;
  readonly dryRun?: boolean;
  readonly disableSidecarInjection?: boolean;
}

export function namespaceAddCommand(): Command {
  const command = new Command("add")
    .description("Add namespaces to the mesh; pods that run already get their sidecar when they are restarted")
    .argument("<namespaces...>")
    .option("--mesh-name <name>", "value of the membership label", meshPlace.meshName)
    .option("--disable-sidecar-injection", "members without sidecars, until a pod asks for one")
    .option("--dry-run", "only say whether they may join, and what of them the sidecars or the capture would not suit");
  return withClusterOptions(command).action(async (namespaces: string[], options: AddOptions) => {
    const cluster = clusterOptions(command);
    const place = { meshName: options.meshName, osmNamespace: cluster.osmNamespace };
    const adding = addition(
      connect(cluster),
      connect(cluster, asReconciler),
      place,
      namespaces,
      !options.disableSidecarInjection,
    );
    await runSteps([adding.check]);
    for (const line of adding.notes) console.log(line);
    if (!options.dryRun) await runSteps(adding.changes);
  });
}

export interface Addition {
  /** Of all of them, before anything is changed. */
  readonly check: Step;
  /** After the check: what of the namespaces will not suit, as lines to read. */
  readonly notes: readonly string[];
  /** The ConfigMaps, then the labels: a pod must not come before its configuration. */
  readonly changes: readonly Step[];
}

export function addition(
  connection: KubeConnection,
  reconciler: KubeConnection,
  place: MeshPlace,
  namespaces: readonly string[],
  inject: boolean,
): Addition {
  let image = "";
  const notes: string[] = [];
  const check = {
    title: "Namespaces",
    run: async () => {
      const injection = await injectionOf(connection, place);
      image = injection.images.sidecar;
      await checkIpFamily(connection);
      for (const namespace of namespaces) await checkMayJoin(connection, place, namespace);
      const doubts = inject ? await captureNotes(connection, namespaces, image) : [];
      for (const namespace of inject ? namespaces : []) {
        notes.push(...(await forecastText(connection, namespace, place, injection.sidecarResources)));
      }
      return [`${namespaces.length} may join`, ...doubts].join("; ");
    },
  };
  const changes = [
    {
      title: "Sidecar configuration",
      run: async () => `${await render(reconciler, place, namespaces)} service accounts`,
    },
    ...namespaces.map((namespace) => ({
      title: `Namespace [${namespace}]`,
      run: async () => {
        const member = { mesh: place.meshName, left: null, injection: inject ? "enabled" : "disabled" } as const;
        const owners = await changeMembership(connection, namespace, member);
        const doubt = inject ? await injectionDoubt(connection, place, namespace, image) : undefined;
        const added = `successfully added to mesh [${place.meshName}]`;
        return [added, owners, doubt].filter((part) => part !== undefined).join("; ");
      },
    })),
  ];
  return { check, notes, changes };
}

/** @throws CommandError where the mesh is not all there, or has another name */
async function injectionOf(connection: KubeConnection, { meshName, osmNamespace }: MeshPlace): Promise<PlainInjection> {
  const injection = await installedInjection(connection, osmNamespace);
  const installed = injection.meshName ?? meshPlace.meshName;
  if (installed !== meshName) throw otherMesh(installed, meshName);
  await expectInstalled(connection, osmNamespace);
  return injection;
}

async function checkMayJoin(connection: KubeConnection, place: MeshPlace, namespace: string): Promise<void> {
  if (systemNamespaces.some((it) => it === namespace) || namespace === place.osmNamespace) {
    throw new CommandError(
      `namespace ${namespace} cannot be in the mesh: the cluster or the mesh itself depends on it`,
      "choose another",
    );
  }
  const found = await readMember(connection, namespace);
  if (!found) throw new CommandError(`namespace ${namespace} does not exist`, `kubectl create namespace ${namespace}`);
  const mesh = meshOf(found);
  if (mesh !== undefined && mesh !== place.meshName) {
    throw new CommandError(
      `namespace ${namespace} belongs to mesh ${mesh}, not ${place.meshName}`,
      `take it out of that mesh first, if nobody needs it there: osm namespace remove ${namespace} --mesh-name ${mesh}`,
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

/** What new pods of the namespace come without, and why; undefined where all is well. */
async function injectionDoubt(
  connection: KubeConnection,
  place: MeshPlace,
  namespace: string,
  image: string,
): Promise<string | undefined> {
  if (!(await servesInjection(connection))) {
    return `its pods get no sidecar by themselves, since the API server does not inject: ${injectCommand(place)}`;
  }
  const unknown = await checkInjected(connection, namespace, image);
  return unknown === undefined ? undefined : `injection could not be tried: ${unknown}`;
}
