import { setTimeout as sleep } from "node:timers/promises";
import type { Parameters } from "#deploy/parameters.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { type KubeObject, read } from "../kube/objects.ts";
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

/** Until every CustomResourceDefinition among them is served. */
export async function waitEstablished(connection: KubeConnection, objects: readonly KubeObject[]): Promise<void> {
  const names = objects
    .filter((object) => object.kind === "CustomResourceDefinition")
    .map((object) => object.metadata.name);
  for (const name of names) {
    await until(`CustomResourceDefinition ${name} is established`, async () => {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
      const conditions = (await read<Conditioned>(connection, path))?.status?.conditions ?? [];
      return conditions.some((condition) => condition.type === "Established" && condition.status === "True");
    });
  }
}

interface Conditioned {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
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
