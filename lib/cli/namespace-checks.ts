import { setTimeout as sleep } from "node:timers/promises";
import { type InjectionValues, injectedContainers, injectedVolumes } from "#deploy/injection/containers.ts";
import type { PlainInjection } from "#deploy/injection/plain.ts";
import { notInjected } from "#deploy/injection/pod-policy.ts";
import { injectionPolicyName } from "#deploy/injection/policy.ts";
import type { KubeConnection, KubeResponse } from "../kube/connection.ts";
import { meshInjectionPath } from "../kube/kinds.ts";
import { messageOf, read } from "../kube/objects.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import { annotations, injectionName, meshName, sidecar } from "../mesh/names.ts";
import type { WantedSidecar } from "../rollout/restart/outdated.ts";
import { CommandError } from "./failure.ts";
import { notInstalled } from "./mesh-parts.ts";
import { forbiddingLevel, podSecurityRemedy } from "./trouble/pod-security.ts";

/** A new namespace has its account `default`, and the API server its selectors, within a second or two. */
const settleTimeoutMs = 15_000;
/** What an API server says of a policy whose parameter's kind was not listed when it looked; it looks anew every 30 s. */
const kindMissed = "failed to find resource referenced by paramKind";
const kindMissedTimeoutMs = 40_000;
const askEveryMs = 200;

/** What the mesh injects, and whose namespaces it goes to. @throws CommandError when it is not installed */
export async function installedSidecar(connection: KubeConnection, osmNamespace: string): Promise<WantedSidecar> {
  const installed = await installedInjection(connection, osmNamespace);
  const { images, meshName: name = meshName, excludedRanges = [], excludedPorts = [] } = installed;
  return { image: images.sidecar, place: { meshName: name, osmNamespace }, excludedRanges, excludedPorts };
}

/** All that the mesh's injection goes by. @throws likewise */
export async function installedInjection(connection: KubeConnection, osmNamespace: string): Promise<PlainInjection> {
  const path = meshInjectionPath(osmNamespace);
  const spec = (await read<{ readonly spec: MeshInjectionSpec }>(connection, path))?.spec;
  if (spec?.images !== undefined) return { ...spec, images: spec.images };
  throw await notInstalled(connection, osmNamespace, `MeshInjection ${osmNamespace}/${injectionName}`);
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
  const response = await trySettled(connection, namespace, capturedPodSpec(image));
  if (response.status === 201) {
    refuseFargate(namespace, response);
    return undefined;
  }
  const message = messageOf(response.text);
  const level = forbiddingLevel(message);
  if (level === undefined) return message;
  throw new CommandError(
    `namespace ${namespace}: Pod Security level ${level} forbids NET_ADMIN and NET_RAW, which capturing a pod's traffic needs`,
    podSecurityRemedy(namespace),
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
  let deadline: number | undefined;
  for (;;) {
    const response = await trySettled(connection, namespace, { containers: [plainContainer(image)] });
    // From the first answer that counts.
    deadline ??= Date.now() + settleTimeoutMs;
    if (response.status !== 201 && !response.text.includes(notInjected)) return messageOf(response.text);
    if (response.status === 201 && isInjected(response)) return undefined;
    if (Date.now() >= deadline) break;
    await sleep(askEveryMs);
  }
  throw new CommandError(
    `namespace ${namespace} has its label, but a pod created in it now would get no sidecar`,
    "run osm install again: the injection policy or its binding is missing",
  );
}

/**
 * Whether a pod that were created there now would get a sidecar.
 *
 * @returns undefined where that could not be tried
 */
export async function injects(connection: KubeConnection, namespace: string): Promise<boolean | undefined> {
  const response = await tryPod(connection, namespace, { containers: [plainContainer("osm-check")] });
  if (response.status === 201) return isInjected(response);
  if (response.text.includes(notInjected)) return false;
  // The API server goes by the policy still, and does not find all of it.
  return response.text.includes(injectionPolicyName) ? true : undefined;
}

/**
 * Whether the policy of the same name, which stands beside injection, is in force there; it refuses what is neither a yes
 * nor a no.
 *
 * @returns undefined where that could not be tried
 */
export async function judgesPods(connection: KubeConnection, namespace: string): Promise<boolean | undefined> {
  const response = await tryPod(
    connection,
    namespace,
    { containers: [plainContainer("osm-check")] },
    { [annotations.injection]: "neither" },
  );
  if (response.status === 201) return false;
  return response.text.includes(injectionPolicyName) ? true : undefined;
}

function isInjected(response: KubeResponse): boolean {
  const { spec } = JSON.parse(response.text) as {
    readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  };
  return spec.initContainers?.[1]?.name === sidecar.container;
}

/** The same once the API server has found all of the injection policy: just after an installation it may not have. */
async function trySettled(connection: KubeConnection, namespace: string, spec: object): Promise<KubeResponse> {
  const startedMs = Date.now();
  for (;;) {
    const response = await tryPod(connection, namespace, spec);
    const isOfInjection = response.text.includes(injectionPolicyName) && !response.text.includes(notInjected);
    const isEarly = response.status !== 201 && isOfInjection;
    const patienceMs = response.text.includes(kindMissed) ? kindMissedTimeoutMs : settleTimeoutMs;
    if (!isEarly || Date.now() - startedMs >= patienceMs) return response;
    await sleep(askEveryMs);
  }
}

/** Dry run; again while the namespace has no account yet. */
async function tryPod(
  connection: KubeConnection,
  namespace: string,
  spec: object,
  notes: Readonly<Record<string, string>> = {},
): Promise<KubeResponse> {
  const deadline = Date.now() + settleTimeoutMs;
  for (;;) {
    const response = await connection.send({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/pods`,
      query: { dryRun: "All" },
      body: { apiVersion: "v1", kind: "Pod", metadata: { name: "osm-check", namespace, annotations: notes }, spec },
    });
    const early = response.status === 403 && response.text.includes("error looking up service account");
    if (!early || Date.now() >= deadline) return response;
    await sleep(askEveryMs);
  }
}

const resources = { limits: { cpu: "10m", memory: "32Mi" }, requests: { cpu: "10m", memory: "32Mi" } };

/** What `osm install --strict` asks for, and no user that anything knows of. */
const securityContext = {
  runAsUser: 65_534,
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
};

/** With limits, because a quota may ask for them. */
function plainContainer(image: string) {
  return { name: "app", image, resources, securityContext };
}

function capturedPodSpec(image: string) {
  const values: InjectionValues = {
    image,
    logLevel: "error",
    excludedRanges: "",
    excludedPorts: "",
    allowUdp: "false",
    resources,
    configName: "osm-sidecar.default",
  };
  return {
    initContainers: injectedContainers(values),
    containers: [plainContainer(image)],
    volumes: injectedVolumes(values),
  };
}
