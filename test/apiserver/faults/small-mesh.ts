import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { expectOk, type KubeObject, read } from "#lib/kube/objects.ts";
import { sidecar } from "#lib/mesh/names.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { applyAll, bodyOf, create } from "../api.ts";
import { appContainer, namespace, type StoredPod, serviceAccount } from "../pods.ts";
import type { StandInPod } from "./sidecar-stand-ins.ts";

/** Two accounts, so that a write of one ConfigMap has another one after it. */
export const meshPods: readonly StandInPod[] = [
  { namespace: "shop", name: "web-1", account: "web", address: "10.245.0.1" },
  { namespace: "shop", name: "web-2", account: "web", address: "10.245.0.2" },
  { namespace: "shop", name: "db-1", account: "db", address: "10.245.0.3" },
];
export const configMapNames = ["osm-sidecar.db", "osm-sidecar.web"] as const;

const osmConfigPath = "/api/v1/namespaces/osm-system/configmaps/osm-config";
const rolloutPath = "/apis/egress.openservicemesh.io/v1alpha1/namespaces/osm-system/egressrollouts/osm-config";

export async function createNamespace(admin: KubeConnection): Promise<void> {
  await applyAll(admin, [namespace("shop", "enabled"), serviceAccount("shop", "web"), serviceAccount("shop", "db")]);
}

/** Injected as any pod; that their containers run is said by hand. */
export async function createPods(admin: KubeConnection): Promise<void> {
  for (const pod of meshPods) await replacePod(admin, pod);
}

/** Also one that an earlier try has left half made. */
export async function replacePod(admin: KubeConnection, pod: StandInPod): Promise<void> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`;
  await admin.send({ method: "DELETE", path, body: { gracePeriodSeconds: 0 } });
  await createPod(admin, pod);
}

async function createPod(admin: KubeConnection, pod: StandInPod): Promise<void> {
  const { namespace: where, name, account, address } = pod;
  const object: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: where },
    spec: {
      nodeName: "nowhere",
      serviceAccountName: account,
      tolerations: [{ operator: "Exists" }],
      containers: [appContainer],
    },
  };
  const created = await create(admin, object);
  if (created.status !== 201) throw new Error(`pod ${name}: ${created.text}`);
  await expectOk(admin, {
    method: "PATCH",
    path: `${objectPath(object)}/status`,
    contentType: "application/merge-patch+json",
    body: { status: runningStatus(bodyOf<StoredPod>(created), address) },
  });
}

/** As a kubelet reports a pod of the mesh of which everything runs. */
export function runningStatus({ spec: { initContainers = [], containers } }: StoredPod, address: string): object {
  if (!initContainers.some(({ name }) => name === sidecar.container)) throw new Error("a pod was not injected");
  const startedAt = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const one = ({ name, image }: { readonly name: string; readonly image: string }, state: object) => {
    return { name, image, imageID: "", ready: true, restartCount: 0, started: true, state };
  };
  const running = { running: { startedAt } };
  const ended = { terminated: { exitCode: 0, startedAt, finishedAt: startedAt } };
  return {
    phase: "Running",
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: startedAt,
    initContainerStatuses: initContainers.map((each) =>
      one(each, each.name === sidecar.captureContainer ? ended : running),
    ),
    containerStatuses: containers.map((each) => one(each, running)),
  };
}

/** @returns the new resourceVersion */
export async function setEgress(admin: KubeConnection, egress: boolean): Promise<string> {
  const response = await expectOk(admin, {
    method: "PATCH",
    path: osmConfigPath,
    query: { fieldManager: "kubectl-patch" },
    contentType: "application/merge-patch+json",
    body: { data: { egress: String(egress) } },
  });
  return bodyOf<{ readonly metadata: { readonly resourceVersion: string } }>(response).metadata.resourceVersion;
}

export async function statusNow(admin: KubeConnection): Promise<RolloutStatus> {
  return (await read<{ readonly status?: RolloutStatus }>(admin, rolloutPath))?.status ?? {};
}
