import { setTimeout as sleep } from "node:timers/promises";
import { verificationQuery } from "#lib/envoy/verification-query.ts";
import { annotations, fieldManager, labels, leaseName, meshName, osmNamespace, ports } from "#lib/mesh/names.ts";
import { applyPatch, type BareClient, expectJson, mergePatch } from "./bare-client.ts";

interface ConfigMap {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly data: Readonly<Record<string, string>>;
}

/** Every sidecar ConfigMap as the reconciler wrote it for one value of the switch. */
export interface MeshConfig {
  readonly digest: string;
  readonly configMaps: readonly ConfigMap[];
}

/** What a change costs at the least, in ms, one after the other. */
export interface Floor {
  readonly writeMs: number;
  readonly pokeMs: number;
  readonly askMs: number;
  readonly wholeMs: number;
  /** Pokes that a kubelet heard before it heard of the new ConfigMap, and that had to be repeated. */
  readonly repokes: number;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** Until a sidecar that still runs the old version is asked again, and poked again. */
const askAgainMs = 40;
const pokeAgainMs: readonly number[] = [1_000, 2_000, 4_000];
const giveUpMs = 120_000;

/** @throws when accounts have different configurations: one version text stands for all here */
export async function readMeshConfig(client: BareClient): Promise<MeshConfig> {
  const selector = encodeURIComponent(`${labels.sidecarConfig}=${meshName}`);
  const { items } = await expectJson<{ items: ConfigMap[] }>(
    client.send("GET", `/api/v1/configmaps?labelSelector=${selector}`),
  );
  const digests = new Set(items.map(({ metadata }) => metadata.annotations[annotations.digest]));
  const [digest] = digests;
  if (digest === undefined || digests.size !== 1) throw new Error(`${digests.size} different configurations, not 1`);
  return { digest, configMaps: items };
}

/** Pods with our sidecar. */
export async function readSidecarPods(client: BareClient): Promise<readonly PodName[]> {
  interface Pod {
    readonly metadata: PodName & { readonly deletionTimestamp?: string };
    readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  }
  const { items } = await expectJson<{ items: Pod[] }>(client.send("GET", "/api/v1/pods"));
  return items
    .filter(({ metadata, spec }) => metadata.deletionTimestamp === undefined && (spec.initContainers?.length ?? 0) > 1)
    .map(({ metadata }) => ({ namespace: metadata.namespace, name: metadata.name }));
}

/** Writes the ConfigMaps, pokes the pods, asks until every one runs the version: three plain steps, nothing observed. */
export async function bareChange(
  client: BareClient,
  { configMaps, digest }: MeshConfig,
  pods: readonly PodName[],
): Promise<Floor> {
  const number = await currentFencing(client);
  const started = performance.now();
  await Promise.all(configMaps.map((map) => applyConfigMap(client, map, number)));
  const written = performance.now();
  await Promise.all(pods.map((pod) => pokePod(client, pod, digest)));
  const poked = performance.now();
  const repokes = await Promise.all(pods.map((pod) => askUntil(client, pod, digest)));
  const asked = performance.now();
  return {
    writeMs: written - started,
    pokeMs: poked - written,
    askMs: asked - poked,
    wholeMs: asked - started,
    repokes: repokes.reduce((sum, each) => sum + each, 0),
  };
}

/** Never below what is there: a policy may hold everybody to it. */
async function currentFencing(client: BareClient): Promise<number> {
  interface Lease {
    readonly spec: { readonly leaseTransitions?: number };
  }
  const path = `/apis/coordination.k8s.io/v1/namespaces/${osmNamespace}/leases/${leaseName}`;
  return (await expectJson<Lease>(client.send("GET", path))).spec.leaseTransitions ?? 0;
}

async function applyConfigMap(client: BareClient, { metadata, data }: ConfigMap, fencing: number): Promise<void> {
  const { name, namespace } = metadata;
  const body = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name,
      namespace,
      labels: metadata.labels,
      annotations: { ...metadata.annotations, [annotations.fencing]: String(fencing) },
    },
    data,
  };
  const path = `/api/v1/namespaces/${namespace}/configmaps/${name}?fieldManager=${fieldManager}&force=true`;
  await expectJson(client.send("PATCH", path, body, applyPatch));
}

async function pokePod(client: BareClient, { namespace, name }: PodName, digest: string): Promise<void> {
  const body = { metadata: { annotations: { [annotations.poke]: `${digest} ${new Date().toISOString()}` } } };
  await expectJson(client.send("PATCH", `/api/v1/namespaces/${namespace}/pods/${name}`, body, mergePatch));
}

const query = new URLSearchParams(verificationQuery).toString();

/** Listeners and clusters both have the version. */
export async function runs(client: BareClient, { namespace, name }: PodName, digest: string): Promise<boolean> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}:${ports.status}/proxy/stats?${query}`;
  const { status, text } = await client.send("GET", path);
  return status === 200 && text.split(digest).length > 2;
}

/** @returns how often it had to be poked again */
async function askUntil(client: BareClient, pod: PodName, digest: string): Promise<number> {
  const started = performance.now();
  let repokes = 0;
  while (!(await runs(client, pod, digest))) {
    const tookMs = performance.now() - started;
    if (tookMs > giveUpMs) throw new Error(`${pod.namespace}/${pod.name} does not run ${digest}`);
    if (tookMs > (pokeAgainMs[repokes] ?? Number.POSITIVE_INFINITY)) {
      repokes++;
      await pokePod(client, pod, digest);
    }
    await sleep(askAgainMs);
  }
  return repokes;
}
