import type { KubeRequest } from "#lib/kube/connection.ts";
import { maxFencing } from "#lib/mesh/fencing.ts";
import { annotations, leaseName } from "#lib/mesh/names.ts";

/** In the mesh. */
export const shop = "lk-shop";
/** A pod of it, with a sidecar. */
export const pod = "subject";

/** Something that somebody does who has got hold of the reconciler's token, in Markdown, and what he is told. */
export interface LeakedUse {
  readonly use: string;
  readonly request: KubeRequest;
  /** What else the words say, each tried as well. */
  readonly more?: readonly KubeRequest[];
}

export interface Possible extends LeakedUse {
  /** By what it is seen, or put right; or what it gives away. */
  readonly seen: string;
}

export interface Impossible extends LeakedUse {
  readonly by: "RBAC" | "`osm-reconciler`" | "`osm-sidecar-config`";
  readonly says: string;
}

const inShop = `/api/v1/namespaces/${shop}`;
const inOsm = "/api/v1/namespaces/osm-system";
const own = "/apis/egress.openservicemesh.io/v1alpha1/namespaces/osm-system";
const rbac = "/apis/rbac.authorization.k8s.io/v1";
const registration = "/apis/admissionregistration.k8s.io/v1";

function applying(path: string, body: object): KubeRequest {
  const query = { fieldManager: "osm-reconciler", force: true, dryRun: "All" };
  return { method: "PATCH", path, query, contentType: "application/apply-patch+yaml", body };
}

function merging(path: string, body: object): KubeRequest {
  return { method: "PATCH", path, query: { dryRun: "All" }, contentType: "application/merge-patch+json", body };
}

function posting(path: string, body: object): KubeRequest {
  return { method: "POST", path, query: { dryRun: "All" }, body };
}

function configMap(namespace: string, name: string, fencing: string): object {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace, annotations: { [annotations.fencing]: fencing } },
    data: { "lds.json": "{}" },
  };
}

const theirs = (fencing: string) =>
  applying(`${inShop}/configmaps/osm-sidecar.default`, configMap(shop, "osm-sidecar.default", fencing));
const get = (path: string): KubeRequest => ({ method: "GET", path, timeoutMs: 20_000 });
const binding = {
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "osm:reconcilers" }],
};
const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: shop } };
const owner = { apiVersion: "v1", kind: "ConfigMap", name: "osm-config", uid: "0" };
const meshInjection = (spec: object) => merging(`${own}/meshinjections/osm-config`, { spec });

/** With the reconciler's own rights, and nothing more. */
export const possible: readonly Possible[] = [
  {
    use: "Write any sidecar's ConfigMap, and so open its egress",
    request: theirs("7"),
    seen: "The next pass finds it altered, by the audit log's hint or the schedule at the latest: written back, `Drifted`, events. The API server's audit log has the address that it came from",
  },
  {
    use: "Take a fencing number so high that no pass can go above it: what is there then stays",
    request: theirs(String(maxFencing)),
    seen: "Passes that have to write fail and say so. When the token is worth nothing any more: delete the ConfigMaps with label `openservicemesh.io/sidecar-config` as group `osm:reconcilers`, Lease `osm-reconciler`, and field `fencing` of the rollout's status; then `osm reconcile`",
  },
  {
    use: "Hold the Lease, so that no pass writes anything",
    request: posting("/apis/coordination.k8s.io/v1/namespaces/osm-system/leases", {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: leaseName, namespace: "osm-system" },
      spec: { holderIdentity: "x", renewTime: "2999-01-01T00:00:00.000000Z", leaseDurationSeconds: 2_000_000_000 },
    }),
    seen: "A time to come, or a longer duration, counts for nothing: it must be renewed every 20 s. While it is, the schedule's passes fail, say who holds it, and end in the dead letters: an alarm. When the token is worth nothing any more: `osm reconcile`; the Lease has expired by then",
  },
  {
    use: "Delete sidecars' ConfigMaps: new pods wait",
    request: { method: "DELETE", path: `${inShop}/configmaps/osm-sidecar.default`, query: { dryRun: "All" } },
    seen: "The next pass writes them again; running sidecars keep what they have",
  },
  {
    use: "Exclude everything from the capture of pods that are created from then on",
    request: meshInjection({ excludedRanges: ["0.0.0.0/0"] }),
    seen: "The next pass puts it back, without a word. Pods from in between are outside the guarantee (`OutdatedCapture`): `osm restart --outdated`",
  },
  {
    use: "Say anything in the rollout's status",
    request: {
      method: "PUT",
      path: `${own}/egressrollouts/osm-config/status`,
      query: { dryRun: "All" },
      body: { status: { phase: "Idle", sidecars: { total: 0, verified: 0, rejected: 0, unreachable: 0 } } },
    },
    seen: "The next pass writes what it sees; a number noted there is taken for one that was given out, as one on a ConfigMap is",
  },
  {
    use: "Poke pods: one annotation of theirs",
    request: merging(`${inShop}/pods/${pod}`, { metadata: { annotations: { [annotations.poke]: "x" } } }),
    seen: "Their kubelets look, and find what is there",
  },
  { use: "Read every ConfigMap of the cluster", request: get("/api/v1/configmaps"), seen: "Keep secrets in Secrets" },
  {
    use: "Read every pod's spec, and the names of all namespaces, Services and accounts",
    request: get("/api/v1/pods"),
    more: [get("/api/v1/namespaces"), get("/api/v1/services"), get("/api/v1/serviceaccounts")],
    seen: "Keep secrets out of `env` values",
  },
];

const byPolicy = "`osm-reconciler`";

export const impossible: readonly Impossible[] = [
  { use: "Read Secrets", by: "RBAC", says: "cannot list resource", request: get("/api/v1/secrets") },
  {
    use: "Get a service account's token",
    by: "RBAC",
    says: "cannot create resource",
    request: posting(`${inShop}/serviceaccounts/default/token`, { spec: {} }),
  },
  {
    use: "Create pods",
    by: "RBAC",
    says: "cannot create resource",
    request: posting(`${inShop}/pods`, { spec: {} }),
  },
  {
    use: "Enter pods: `exec`, `attach`, `port-forward`, ephemeral containers",
    by: "RBAC",
    says: 'resource "pods/',
    request: { method: "POST", path: `${inShop}/pods/${pod}/exec`, query: { command: "id", container: "app" } },
    more: [
      { method: "POST", path: `${inShop}/pods/${pod}/attach`, query: { container: "app" } },
      { method: "POST", path: `${inShop}/pods/${pod}/portforward` },
      merging(`${inShop}/pods/${pod}/ephemeralcontainers`, { spec: { ephemeralContainers: [] } }),
    ],
  },
  {
    use: "Delete or evict pods",
    by: "RBAC",
    says: 'resource "pods',
    request: { method: "DELETE", path: `${inShop}/pods/${pod}`, query: { dryRun: "All" } },
    more: [posting(`${inShop}/pods/${pod}/eviction`, eviction)],
  },
  {
    use: "Change a pod's image, or anything else of its spec",
    by: byPolicy,
    says: `only annotation ${annotations.poke} may change`,
    request: {
      ...merging(`${inShop}/pods/${pod}`, { spec: { containers: [{ name: "app", image: "evil:1" }] } }),
      contentType: "application/strategic-merge-patch+json",
    },
    more: [merging(`${inShop}/pods/${pod}`, { spec: { activeDeadlineSeconds: 5 } })],
  },
  {
    use: "Change its labels, owners or other annotations",
    by: byPolicy,
    says: `only annotation ${annotations.poke} may change`,
    request: merging(`${inShop}/pods/${pod}`, { metadata: { labels: { app: "x" } } }),
    more: [{ annotations: { other: "x" } }, { ownerReferences: [owner] }].map((metadata) =>
      merging(`${inShop}/pods/${pod}`, { metadata }),
    ),
  },
  {
    use: "Fill a pod's annotations, so that nobody else can write one",
    by: byPolicy,
    says: "at most 256 characters",
    request: merging(`${inShop}/pods/${pod}`, { metadata: { annotations: { [annotations.poke]: "x".repeat(257) } } }),
  },
  {
    use: "Reach other ports of pods by the API server",
    by: byPolicy,
    says: "pods/proxy: only port 15010",
    request: get(`${inShop}/pods/${pod}:8080/proxy/`),
  },
  {
    use: "Send anything there, by another method than GET",
    by: "RBAC",
    says: 'cannot create resource "pods/proxy"',
    request: { method: "POST", path: `${inShop}/pods/${pod}:15010/proxy/quitquitquit` },
  },
  {
    use: "Reach nodes and their kubelets",
    by: "RBAC",
    says: "cannot",
    request: get("/api/v1/nodes/node-1/proxy/pods"),
  },
  {
    use: "Write other ConfigMaps, the switch among them",
    by: byPolicy,
    says: "configmaps: only osm-sidecar.*",
    request: applying(`${inOsm}/configmaps/osm-config`, {
      ...configMap("osm-system", "osm-config", "1"),
      data: { egress: "true" },
    }),
  },
  {
    use: "Go back to a lower fencing number",
    by: "`osm-sidecar-config`",
    says: "overtaken: fencing number 4 is older than 5",
    request: theirs("4"),
  },
  {
    use: "Put another image into new pods, with NET_ADMIN",
    by: byPolicy,
    says: "spec.images is the installation's",
    request: meshInjection({ images: { sidecar: "evil:1" } }),
  },
  {
    use: "Change the rollout's spec, or delete it",
    by: "RBAC",
    says: 'resource "egressrollouts"',
    request: merging(`${own}/egressrollouts/osm-config`, { spec: { drift: "detect" } }),
    more: [{ method: "DELETE", path: `${own}/egressrollouts/osm-config`, query: { dryRun: "All" } }],
  },
  {
    use: "Take another's Lease",
    by: byPolicy,
    says: "leases: only osm-system/osm-reconciler",
    request: posting("/apis/coordination.k8s.io/v1/namespaces/osm-system/leases", {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "mine", namespace: "osm-system" },
      spec: {},
    }),
  },
  {
    use: "Change the policies that bind it",
    by: "RBAC",
    says: "cannot delete resource",
    request: { method: "DELETE", path: `${registration}/validatingadmissionpolicybindings/osm-reconciler` },
  },
  {
    use: "Change its own roles",
    by: "RBAC",
    says: "cannot patch resource",
    request: merging(`${rbac}/clusterroles/osm-reconciler`, { rules: [] }),
  },
  {
    use: "Bind itself to another role",
    by: "RBAC",
    says: "cannot create resource",
    request: posting(`${rbac}/clusterrolebindings`, { metadata: { name: "mine" }, ...binding }),
  },
  {
    use: "Change the definitions of the mesh's kinds",
    by: "RBAC",
    says: "cannot patch resource",
    request: merging(
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/meshinjections.egress.openservicemesh.io",
      {},
    ),
  },
  {
    use: "Take a namespace out of the mesh",
    by: "RBAC",
    says: "cannot patch resource",
    request: merging(`/api/v1/namespaces/${shop}`, {
      metadata: { labels: { "openservicemesh.io/monitored-by": null } },
    }),
  },
  {
    use: "Change workloads, the forwarder among them",
    by: "RBAC",
    says: "cannot patch resource",
    request: merging("/apis/apps/v1/namespaces/osm-system/deployments/osm-forwarder", { spec: { replicas: 0 } }),
  },
];
