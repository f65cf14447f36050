import { setTimeout as sleep } from "node:timers/promises";
import type { Parameters } from "#deploy/parameters.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { expectOk, type KubeObject, read } from "../kube/objects.ts";
import { osmConfigName } from "../mesh/names.ts";
import { CommandError } from "./failure.ts";
import { injectingPlace } from "./installed-place.ts";
import { checkIpFamily } from "./ip-family.ts";
import { checkPolicyApi, type PolicyApi } from "./policy-api.ts";

/** For what the API server takes up by itself: CRDs and policies, 1 to 3 s as a rule. */
const takeUpTimeoutMs = 30_000;
const askEveryMs = 200;

/** What its API server can do. @throws CommandError when that is too little, IPv4 is not first, or it has another mesh */
export async function checkCluster(connection: KubeConnection, parameters: Parameters): Promise<PolicyApi> {
  const api = await checkPolicyApi(connection);
  await checkIpFamily(connection);
  await refuseSecondMesh(connection, parameters);
  return api;
}

async function refuseSecondMesh(connection: KubeConnection, parameters: Parameters): Promise<void> {
  const found = await injectingPlace(connection);
  if (found === undefined) return;
  const { meshName: mesh = "?", osmNamespace: namespace = "?" } = found;
  if (mesh === parameters.meshName && namespace === parameters.osmNamespace) return;
  throw new CommandError(
    `this cluster has mesh ${mesh} in namespace ${namespace}; a cluster has one mesh`,
    `bring that one up to date: osm install --mesh-name ${mesh} --osm-namespace ${namespace}; or remove it first: osm uninstall --mesh-name ${mesh} --osm-namespace ${namespace}`,
  );
}

/**
 * Until every CustomResourceDefinition among them is served, and discovery lists it. There admission looks for the kind of
 * a policy's parameter, as a rule once in 30 s: what it misses then it refuses pods for. Of the one API server that answers;
 * another one of the same cluster may be a moment behind, and whoever adds a namespace waits for that.
 */
export async function waitServed(connection: KubeConnection, objects: readonly KubeObject[]): Promise<void> {
  for (const { kind, metadata } of objects) {
    if (kind !== "CustomResourceDefinition") continue;
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${metadata.name}`;
    await until(`CustomResourceDefinition ${metadata.name} is served`, async () => {
      const found = await read<Definition>(connection, path);
      return found !== undefined && isEstablished(found) && (await isListed(connection, found));
    });
  }
}

interface Definition {
  readonly spec: { readonly group: string; readonly names: { readonly plural: string } };
  /** Right after its creation, null. */
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] | null };
}

function isEstablished(definition: Definition): boolean {
  return (
    definition.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") ?? false
  );
}

/** All groups with their resources in one answer, as the API server asks itself. */
const aggregatedDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

interface Discovery {
  readonly items?: readonly {
    readonly metadata: { readonly name: string };
    readonly versions?: readonly { readonly resources?: readonly { readonly resource: string }[] }[];
  }[];
}

/** Whether discovery lists the kind; true where it comes in a form that does not say. */
export async function isListed(
  connection: KubeConnection,
  { spec: { group, names } }: Pick<Definition, "spec">,
): Promise<boolean> {
  const response = await expectOk(connection, { method: "GET", path: "/apis", accept: aggregatedDiscovery });
  const { items } = JSON.parse(response.text) as Discovery;
  // Something between here and the API server wants the older form, which does not say.
  if (items === undefined) return true;
  const versions = items.filter(({ metadata }) => metadata.name === group).flatMap((item) => item.versions ?? []);
  return versions.some(({ resources = [] }) => resources.some(({ resource }) => resource === names.plural));
}

/** Until a value that is no boolean is refused, tried without leaving anything behind. */
export async function waitPolicyInForce(
  connection: KubeConnection,
  parameters: Parameters,
  timeoutMs = takeUpTimeoutMs,
): Promise<void> {
  const isRefused = async () => {
    const response = await connection.send({
      method: "POST",
      path: `/api/v1/namespaces/${parameters.osmNamespace}/configmaps`,
      query: { dryRun: "All" },
      body: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: osmConfigName, namespace: parameters.osmNamespace },
        data: { egress: "not a boolean" },
      },
    });
    return response.status === 422 && response.text.includes("ValidatingAdmissionPolicy");
  };
  const what = "the policy on osm-config refuses what is not a boolean";
  await until(what, isRefused, timeoutMs).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      error.message,
      "is ValidatingAdmissionPolicy among kube-apiserver's --disable-admission-plugins? If not, look at its log, then run osm install again",
    );
  });
}

/** @throws CommandError when it has not come true in time */
export async function until(
  what: string,
  ask: () => Promise<boolean>,
  timeoutMs = takeUpTimeoutMs,
  everyMs = askEveryMs,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await ask()) return;
    if (Date.now() >= deadline) break;
    await sleep(everyMs);
  }
  throw new CommandError(
    `not within ${timeoutMs / 1_000} s: ${what}`,
    "look at the API server's own log, then run the command again: it goes on where it stopped",
  );
}
