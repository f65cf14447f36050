import { setTimeout as sleep } from "node:timers/promises";
import { injectionPolicyName } from "#deploy/injection/policy.ts";
import type { Parameters } from "#deploy/parameters.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { expectOk, type KubeObject, read } from "../kube/objects.ts";
import { labels, osmConfigName } from "../mesh/names.ts";
import { CommandError } from "./failure.ts";
import { checkIpFamily } from "./ip-family.ts";

/** For what the API server takes up by itself: CRDs and policies, 1 to 3 s as a rule. */
const takeUpTimeoutMs = 30_000;
const askEveryMs = 200;

/** The API server's version. @throws CommandError when it cannot inject, has no IPv4 first, or has another mesh */
export async function checkCluster(connection: KubeConnection, parameters: Parameters): Promise<string> {
  const version = await expectOk(connection, { method: "GET", path: "/version" });
  const { gitVersion } = JSON.parse(version.text) as { readonly gitVersion: string };
  const registration = await expectOk(connection, { method: "GET", path: "/apis/admissionregistration.k8s.io/v1" });
  const { resources } = JSON.parse(registration.text) as { readonly resources: readonly { readonly name: string }[] };
  if (!resources.some((resource) => resource.name === "mutatingadmissionpolicies")) {
    throw new CommandError(
      `the API server (${gitVersion}) has no MutatingAdmissionPolicy in admissionregistration.k8s.io/v1`,
      "use a cluster of Kubernetes 1.36 or later",
    );
  }
  await checkIpFamily(connection);
  await refuseSecondMesh(connection, parameters);
  return gitVersion;
}

interface InjectionBinding {
  readonly spec: {
    readonly paramRef?: { readonly namespace?: string };
    readonly matchResources?: {
      readonly namespaceSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    };
  };
}

async function refuseSecondMesh(connection: KubeConnection, parameters: Parameters): Promise<void> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings/${injectionPolicyName}`;
  const spec = (await read<InjectionBinding>(connection, path))?.spec;
  if (spec === undefined) return;
  const mesh = spec.matchResources?.namespaceSelector?.matchLabels?.[labels.monitoredBy];
  const namespace = spec.paramRef?.namespace;
  if (mesh === parameters.meshName && namespace === parameters.osmNamespace) return;
  throw new CommandError(
    `this cluster has mesh ${mesh ?? "?"} in ${namespace ?? "?"}; a cluster has one mesh`,
    `install with --mesh-name ${mesh ?? "?"} --osm-namespace ${namespace ?? "?"}, or remove that one first`,
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
export async function waitPolicyInForce(connection: KubeConnection, parameters: Parameters): Promise<void> {
  await until("the policy on osm-config refuses what is not a boolean", async () => {
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
  });
}

/** @throws CommandError when it has not come true in time */
export async function until(what: string, ask: () => Promise<boolean>, timeoutMs = takeUpTimeoutMs): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await ask()) return;
    if (Date.now() >= deadline) break;
    await sleep(askEveryMs);
  }
  throw new CommandError(
    `not within ${timeoutMs / 1_000} s: ${what}`,
    "look at the API server's own log, then run the command again: it goes on where it stopped",
  );
}
