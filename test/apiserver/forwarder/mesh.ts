import { forwarderAccess } from "#lib/forwarder/watched.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { forwarderLeasePath } from "#lib/kube/forwarder-lease.ts";
import { expectOk, read } from "#lib/kube/objects.ts";

/** What a person or a controller does to the cluster, one verb each. */
export interface Mesh {
  patchConfig(data: Record<string, string>, manager?: string): Promise<void>;
  createNamespace(name: string, labels?: Record<string, string>): Promise<void>;
  createService(namespace: string, name: string): Promise<void>;
  createPod(name: string, sidecar: boolean): Promise<void>;
  annotatePod(name: string, annotations: Record<string, string>): Promise<void>;
  setPodReady(name: string, ready: boolean): Promise<void>;
  /** Who said last that the forwarder is well, and when; undefined: nobody has. */
  health(): Promise<Health | undefined>;
  forgetHealth(): Promise<void>;
}

interface Health {
  readonly holderIdentity: string;
  readonly renewTime: string;
}

export function openMesh(admin: KubeConnection): Mesh {
  const post = async (path: string, body: object) => void (await expectOk(admin, { method: "POST", path, body }));
  const patch = async (path: string, body: object, manager = "test", kind = "merge-patch") =>
    void (await expectOk(admin, {
      method: "PATCH",
      path,
      query: { fieldManager: manager },
      contentType: `application/${kind}+json`,
      body,
    }));
  const lease = forwarderLeasePath("osm-system");
  return {
    health: async () => (await read<{ readonly spec: Health }>(admin, lease))?.spec,
    forgetHealth: async () => void (await admin.send({ method: "DELETE", path: lease })),
    patchConfig: (data, manager) => patch("/api/v1/namespaces/osm-system/configmaps/osm-config", { data }, manager),
    createNamespace: async (name, labels = {}) => {
      await post("/api/v1/namespaces", { metadata: { name, labels } });
      // No controller runs here that would make it.
      await post(`/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } });
    },
    createService: (namespace, name) =>
      post(`/api/v1/namespaces/${namespace}/services`, { metadata: { name }, spec: { ports: [{ port: 80 }] } }),
    createPod: (name, sidecar) =>
      post("/api/v1/namespaces/shop/pods", {
        metadata: { name },
        spec: {
          containers: [{ name: "app", image: "app" }],
          ...(sidecar ? { initContainers: [{ name: "envoy", image: "envoy", restartPolicy: "Always" }] } : {}),
        },
      }),
    annotatePod: (name, annotations) => patch(`/api/v1/namespaces/shop/pods/${name}`, { metadata: { annotations } }),
    setPodReady: (name, ready) =>
      patch(
        `/api/v1/namespaces/shop/pods/${name}/status`,
        { status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] } },
        "test",
        "strategic-merge-patch",
      ),
  };
}

/** The forwarder's own rights, bound to a user, and the namespaces with which every test begins. */
export async function prepareMesh(admin: KubeConnection, user: string): Promise<void> {
  const mesh = openMesh(admin);
  await mesh.createNamespace("osm-system");
  await mesh.createNamespace("shop", { "openservicemesh.io/monitored-by": "osm" });
  await mesh.createNamespace("other");
  const config = { metadata: { name: "osm-config" }, data: { egress: "false" } };
  await expectOk(admin, { method: "POST", path: "/api/v1/namespaces/osm-system/configmaps", body: config });
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }];
  const { role, clusterRole } = forwarderAccess;
  for (const [scope, prefix, rules] of [
    ["/namespaces/osm-system", "", role.rules],
    ["", "cluster", clusterRole.rules],
  ] as const) {
    const kind = prefix === "" ? "Role" : "ClusterRole";
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name: "forwarder" };
    const metadata = { name: "forwarder" };
    await expectOk(admin, { method: "POST", path: `${rbac}${scope}/${prefix}roles`, body: { metadata, rules } });
    const binding = { metadata, roleRef, subjects };
    await expectOk(admin, { method: "POST", path: `${rbac}${scope}/${prefix}rolebindings`, body: binding });
  }
}

/** The half of those rights that is in the mesh's namespace: osm-config, and saying that all is well. */
export async function bindRoleOnly(admin: KubeConnection, user: string): Promise<void> {
  const apiGroup = "rbac.authorization.k8s.io";
  await expectOk(admin, {
    method: "POST",
    path: `/apis/${apiGroup}/v1/namespaces/osm-system/rolebindings`,
    body: {
      metadata: { name: user },
      roleRef: { apiGroup, kind: "Role", name: "forwarder" },
      subjects: [{ kind: "User", apiGroup, name: user }],
    },
  });
}
