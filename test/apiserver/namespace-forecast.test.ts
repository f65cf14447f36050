import { afterAll, beforeAll, expect, test } from "vitest";
import { forecastText } from "#lib/cli/namespace-forecast.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { annotations, meshPlace } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create } from "./api.ts";
import { bound, edit, refusal } from "./exempting.ts";
import { install } from "./installation.ts";
import { namespace, pod, serviceAccount } from "./pods.ts";
import { createMaker, type Maker } from "./templates.ts";

const admin = connectAs("admin");
const editor = connectAs("editor");
const shop = "nf-shop";
const bare = "nf-bare";
const udp = { [annotations.allowUdp]: "true" };
const captured = {
  containers: [{ name: "app", image: "a:1", securityContext: { allowPrivilegeEscalation: false, runAsUser: 1000 } }],
};

async function making(kind: Maker, name: string, given: Readonly<Record<string, string>>, spec: object = captured) {
  expect([201, 409]).toContain((await createMaker(editor, kind, shop, given, { name, dryRun: false, spec })).status);
}

/** A resource of the namespace, as it is to be. */
function setting(plural: string, kind: string, spec: object) {
  return expectOk(admin, {
    method: "PATCH",
    path: `/api/v1/namespaces/${shop}/${plural}/small`,
    query: { fieldManager: "test" },
    contentType: "application/apply-patch+yaml",
    body: { apiVersion: "v1", kind, metadata: { name: "small" }, spec },
  });
}

beforeAll(async () => {
  await install({ imageRegistry: "", strict: false });
  await applyAll(admin, [
    namespace(shop, undefined, false),
    namespace(bare, undefined, false),
    serviceAccount(shop),
    ...edit.map((role) => bound(role, shop, "editor")),
  ]);
  await eventually("the editor may edit", async () => (await createMaker(editor, "Pod", shop, {})).status === 201);
  // Before there was a mesh here, nobody was asked.
  await making("Deployment", "honest", {});
  await making("Deployment", "udp", udp);
  await making("DaemonSet", "agent", {}, { ...captured, hostNetwork: true });
  await making("CronJob", "nightly", { [annotations.injection]: "disabled" });
  await making("StatefulSet", "root", {}, {});
  await making("ReplicationController", "names", {}, { ...captured, dnsConfig: { nameservers: ["192.0.2.1"] } });
});

afterAll(async () => {
  for (const path of [`/apis/apps/v1/namespaces/${shop}/daemonsets/agent`, `/api/v1/namespaces/${shop}`]) {
    await admin.send({ method: "DELETE", path });
  }
});

async function forecast(where = shop, as = admin): Promise<string> {
  return (await forecastText(as, where, meshPlace)).join("\n");
}

test("what was written before the namespace joins is told, each with what comes of it", async () => {
  const text = await forecast();
  const row = (workload: string) => text.split("\n").find((line) => line.includes(workload)) ?? "";
  expect(row("Deployment udp")).toContain("lets UDP out");
  expect(row("Deployment udp")).toContain("its next pods are refused");
  expect(row("DaemonSet agent")).toContain("its pods are not captured");
  expect(row("CronJob nightly")).toContain("its next pods are refused");
  expect(row("ReplicationController names")).toContain("192.0.2.1");
  expect(text).not.toContain("honest");
  expect(text).toContain("for their containers' rights: 1 workload; osm egress status");
  expect(text).toContain(`kubectl annotate namespace ${shop} ${annotations.allowExemptPods}=true`);
  expect(text).not.toContain("will be refused with their sidecar");
  expect(await forecast(bare)).toBe("");
});

test("limits that the sidecar does not fit into are told, with the pods that are there counted", async () => {
  await setting("limitranges", "LimitRange", { limits: [{ type: "Container", min: { memory: "200Mi" } }] });
  await setting("resourcequotas", "ResourceQuota", { hard: { "limits.memory": "300Mi" } });
  try {
    const text = await forecast();
    expect(text).toContain("will be refused with their sidecar:\n  for pods");
    expect(text).toContain("LimitRange small: the sidecar's memory request 96Mi is below min 200Mi");
    expect(text).not.toContain("ResourceQuota");
    await setting("resourcequotas", "ResourceQuota", { hard: { "limits.memory": "200Mi" } });
    expect(await forecast()).toContain("ResourceQuota small: limits.memory: 0 of 200Mi are used");
  } finally {
    await admin.send({ method: "DELETE", path: `/api/v1/namespaces/${shop}/limitranges/small` });
    await admin.send({ method: "DELETE", path: `/api/v1/namespaces/${shop}/resourcequotas/small` });
  }
});

test("who may not look is told what was not seen", async () => {
  const text = await forecast(shop, connectAs("nobody"));
  expect(text).toContain(`Not seen whether the sidecar fits into ${shop}: `);
  expect(text).toContain(`Not seen which workloads of ${shop} would be outside the guarantee: `);
});

test("once it has joined, controllers make no exempt pod of an old template, and host-network pods as before", async () => {
  const controller = connectAs("replicaSetController");
  try {
    await applyAll(admin, [namespace(shop, "enabled")]);
    await eventually("the namespace is a member", async () =>
      (await create(admin, pod(shop), true)).text.includes("envoy"),
    );
    const told = refusal(await createMaker(controller, "Pod", shop, udp));
    expect(told).toContain("lacks verb exempt");
    expect(told).toContain(`kubectl annotate namespace ${shop} ${annotations.allowExemptPods}=true`);
    const open = { spec: { dnsConfig: { nameservers: ["192.0.2.1"] } } };
    expect(refusal(await createMaker(controller, "Pod", shop, {}, open))).toContain("dnsConfig.nameservers 192.0.2.1");
    expect(refusal(await createMaker(connectAs("deploymentController"), "ReplicaSet", shop, udp))).toContain(
      "lacks verb",
    );
    expect(refusal(await createMaker(connectAs("cronJobController"), "Job", shop, udp))).toContain("lacks verb");
    expect((await createMaker(controller, "Pod", shop, {}, { spec: { hostNetwork: true } })).status).toBe(201);
    const allowed = namespace(shop, "enabled");
    const given = { ...(allowed.metadata["annotations"] as object), [annotations.allowExemptPods]: "true" };
    await applyAll(admin, [{ ...allowed, metadata: { ...allowed.metadata, annotations: given } }]);
    await eventually(
      "the permission counts",
      async () => (await createMaker(controller, "Pod", shop, udp)).status === 201,
    );
    expect(await forecast()).toContain("its pods are outside the guarantee, as the namespace allows");
  } finally {
    await applyAll(admin, [namespace(shop, undefined, false)]);
  }
});
