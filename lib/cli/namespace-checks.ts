import { setTimeout as sleep } from "node:timers/promises";
import { type InjectionValues, injectedContainers, injectedVolumes } from "#deploy/injection/containers.ts";
import { injectionPolicyName } from "#deploy/injection/policy.ts";
import type { KubeConnection, KubeResponse } from "../kube/connection.ts";
import { read } from "../kube/objects.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import { apiVersion, injectionName, meshName, sidecar } from "../mesh/names.ts";
import type { WantedSidecar } from "../rollout/restart/outdated.ts";
import { CommandError } from "./failure.ts";

/** A new namespace has its account `default`, and the API server its selectors, within a second or two. */
const settleTimeoutMs = 15_000;
const askEveryMs = 200;

/** The image that the mesh injects. @throws CommandError when it is not installed */
export async function injectedImage(connection: KubeConnection, osmNamespace: string): Promise<string> {
  return (await installedSidecar(connection, osmNamespace)).image;
}

/** The same, and whose namespaces it goes to. @throws as that does */
export async function installedSidecar(connection: KubeConnection, osmNamespace: string): Promise<WantedSidecar> {
  const path = `/apis/${apiVersion}/namespaces/${osmNamespace}/meshinjections/${injectionName}`;
  const found = await read<{ readonly spec: MeshInjectionSpec }>(connection, path);
  const image = found?.spec.images?.sidecar;
  if (image !== undefined) return { image, place: { meshName: found?.spec.meshName ?? meshName, osmNamespace } };
  throw new CommandError(
    `no mesh is installed in ${osmNamespace}: there is no MeshInjection ${injectionName}`,
    "run: osm install",
  );
}

/**
 * Asks the API server whether it would take a pod with the injected containers, without making one.
 *
 * @returns why that could not be told, if so
 * @throws  CommandError where Pod Security forbids the capture, or pods go to nodes that have none
 */
export async function checkCaptureAllowed(
  connection: KubeConnection,
  namespace: string,
  image: string,
): Promise<string | undefined> {
  const response = await tryPod(connection, namespace, capturedPodSpec(image));
  if (response.status === 201) {
    refuseFargate(namespace, response);
    return undefined;
  }
  const message = messageOf(response);
  const violation = /violates PodSecurity "([^"]+)"/.exec(message);
  if (!violation) return message;
  throw new CommandError(
    `namespace ${namespace}: Pod Security level ${violation[1] ?? ""} forbids NET_ADMIN and NET_RAW, which capturing a pod's traffic needs`,
    `kubectl label namespace ${namespace} pod-security.kubernetes.io/enforce=privileged --overwrite, or leave it out of the mesh`,
  );
}

/** EKS gives pods of a Fargate profile another scheduler on their way in. A profile by labels shows on such pods only. */
function refuseFargate(namespace: string, response: KubeResponse): void {
  const { spec } = JSON.parse(response.text) as { readonly spec: { readonly schedulerName?: string } };
  if (spec.schedulerName !== "fargate-scheduler") return;
  throw new CommandError(
    `namespace ${namespace}: its pods run on Fargate, which gives no NET_ADMIN, and capturing a pod's traffic needs that`,
    "take the namespace out of its Fargate profile, or leave it out of the mesh",
  );
}

/** @returns why it could not be told, if so. @throws CommandError when pods of the namespace come without a sidecar */
export async function checkInjected(
  connection: KubeConnection,
  namespace: string,
  image: string,
): Promise<string | undefined> {
  const deadline = Date.now() + settleTimeoutMs;
  for (;;) {
    const response = await tryPod(connection, namespace, { containers: [plainContainer(image)] });
    // Just after an installation the API server may not have found the policy's parameter yet.
    const early = response.status !== 201 && response.text.includes(injectionPolicyName);
    if (response.status !== 201 && !(early && Date.now() < deadline)) return messageOf(response);
    if (!early && isInjected(response)) return undefined;
    if (Date.now() >= deadline) break;
    await sleep(askEveryMs);
  }
  throw new CommandError(
    `namespace ${namespace} has its label, but a pod created in it now would get no sidecar`,
    "run osm install again: the injection policy or its binding is missing",
  );
}

function isInjected(response: KubeResponse): boolean {
  const { spec } = JSON.parse(response.text) as {
    readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  };
  return spec.initContainers?.[1]?.name === sidecar.container;
}

/** Dry run; again while the namespace has no account yet. */
async function tryPod(connection: KubeConnection, namespace: string, spec: object): Promise<KubeResponse> {
  const deadline = Date.now() + settleTimeoutMs;
  for (;;) {
    const response = await connection.send({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/pods`,
      query: { dryRun: "All" },
      body: { apiVersion: "v1", kind: "Pod", metadata: { name: "osm-check", namespace }, spec },
    });
    const early = response.status === 403 && response.text.includes("error looking up service account");
    if (!early || Date.now() >= deadline) return response;
    await sleep(askEveryMs);
  }
}

const resources = { limits: { cpu: "10m", memory: "32Mi" }, requests: { cpu: "10m", memory: "32Mi" } };

/** With limits, because a quota may ask for them. */
function plainContainer(image: string) {
  return { name: "app", image, resources };
}

function capturedPodSpec(image: string) {
  const values: InjectionValues = {
    image,
    logLevel: "error",
    excludedRanges: "",
    excludedPorts: "",
    resources,
    configName: "osm-sidecar.default",
  };
  return {
    initContainers: injectedContainers(values),
    containers: [plainContainer(image)],
    volumes: injectedVolumes(values),
  };
}

function messageOf(response: KubeResponse): string {
  try {
    return String((JSON.parse(response.text) as { readonly message?: unknown }).message);
  } catch {
    return `${response.status} ${response.text.slice(0, 200)}`;
  }
}
