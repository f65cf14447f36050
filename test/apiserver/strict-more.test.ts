import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { manifests } from "#deploy/manifests.ts";
import { defaults } from "#deploy/parameters.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { annotations } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, messageOf, remove } from "./api.ts";
import { install } from "./installation.ts";
import { appContainer, namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const shop = "sm-shop";
const securityContext = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const within = { containers: [{ ...appContainer, securityContext }] };
const { strict } = manifests(defaults);

beforeAll(async () => {
  await install({ imageRegistry: "", strict: false });
  await applyAll(admin, [namespace(shop, "enabled"), serviceAccount(shop), ...strict]);
  await eventually("the policy is in force", async () => (await create(admin, pod(shop), true)).status === 403);
  await eventually("the pod is there", async () =>
    [201, 409].includes((await create(admin, pod(shop, within))).status),
  );
  await expectOk(admin, {
    method: "PATCH",
    path: `${objectPath(pod(shop))}/status`,
    contentType: "application/strategic-merge-patch+json",
    body: {
      status: {
        initContainerStatuses: [
          {
            name: "osm-init",
            image: "",
            imageID: "",
            restartCount: 0,
            ready: true,
            state: { terminated: { exitCode: 0 } },
          },
        ],
      },
    },
  });
});
afterAll(async () => {
  for (const object of strict.toReversed()) await remove(admin, object);
  await eventually("the policy is gone", async () => (await create(admin, pod(shop), true)).status !== 403);
});

/** Beside the one that is there. */
function tried(spec: object, more: Readonly<Record<string, string>> = {}) {
  const wanted = pod(shop, { ...within, ...spec }, more);
  return create(admin, { ...wanted, metadata: { ...wanted.metadata, name: "tried" } }, true);
}

function add(container: object) {
  return admin.send({
    method: "PATCH",
    path: `${objectPath(pod(shop))}/ephemeralcontainers`,
    query: { dryRun: "All" },
    contentType: "application/strategic-merge-patch+json",
    body: { spec: { ephemeralContainers: [{ name: "debug", image: "d:1", ...container }] } },
  });
}

describe("what is added to a pod that runs is judged like its own containers", () => {
  test.each<[what: string, container: object]>([
    ["nothing said", {}],
    ["no user said", { securityContext: { ...securityContext, runAsUser: undefined } }],
    ["capabilities kept", { securityContext: { runAsUser: 0, allowPrivilegeEscalation: false } }],
    ["escalation left open", { securityContext: { ...securityContext, allowPrivilegeEscalation: undefined } }],
  ])("%s: refused", async (_, container) => {
    const refused = await add(container);
    expect([refused.status, messageOf(refused)]).toEqual([403, expect.stringContaining("osm-strict: container debug")]);
  });

  test("within the guarantee: added", async () => {
    expect((await add({ securityContext })).status).toBe(200);
  });
});

test("the node's processes: refused", async () => {
  const refused = await tried({ hostPID: true });
  expect([refused.status, messageOf(refused)]).toEqual([403, expect.stringContaining("set hostPID to false")]);
});

describe("volumes", () => {
  test.each<[kind: string, volume: object]>([
    ["hostPath", { hostPath: { path: "/var/lib/kubelet" } }],
    ["nfs", { nfs: { server: "198.51.100.1", path: "/" } }],
    ["azureFile", { azureFile: { secretName: "account", shareName: "share" } }],
    ["portworxVolume", { portworxVolume: { volumeID: "one" } }],
    ["iscsi", { iscsi: { targetPortal: "198.51.100.1:3260", iqn: "iqn.2001-04.com.example:a", lun: 0 } }],
    ["flexVolume", { flexVolume: { driver: "example/driver" } }],
  ])("%s: refused", async (_, volume) => {
    const volumes = [
      { name: "fine", emptyDir: {} },
      { name: "there", ...volume },
    ];
    const refused = await tried({ volumes });
    expect([refused.status, messageOf(refused)]).toEqual([403, expect.stringContaining("osm-strict: volume there")]);
    expect((await tried({ volumes }, { [annotations.injection]: "disabled" })).status).toBe(201);
  });

  test.each<[kind: string, volume: object]>([
    ["emptyDir", { emptyDir: {} }],
    ["configMap", { configMap: { name: "x" } }],
    ["secret", { secret: { secretName: "x" } }],
    ["persistentVolumeClaim", { persistentVolumeClaim: { claimName: "x" } }],
    ["projected", { projected: { sources: [{ configMap: { name: "x" } }] } }],
    ["csi", { csi: { driver: "secrets-store.csi.k8s.io", readOnly: true } }],
  ])("%s: admitted", async (_, volume) => {
    expect((await tried({ volumes: [{ name: "there", ...volume }] })).status).toBe(201);
  });
});
