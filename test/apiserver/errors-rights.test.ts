import { beforeAll, expect, test } from "vitest";
import { labels } from "#lib/mesh/names.ts";
import { failureOf } from "#test/osm-run.ts";
import { applyAll, connectAs, kubeconfigOf, mergePatch } from "./api.ts";
import { install } from "./installation.ts";
import { osmSaid } from "./osm-said.ts";
import { namespace, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const shop = "er-shop";
const theirs = "er-theirs";
const secured = "er-secured";

beforeAll(async () => {
  await install({ enableEgress: false });
  await applyAll(admin, [namespace(shop, undefined, false), serviceAccount(shop)]);
  await applyAll(admin, [namespace(theirs, undefined, false), namespace(secured, undefined, false)]);
  await mergePatch(admin, namespace(theirs), { metadata: { labels: { [labels.monitoredBy]: "mine" } } });
  await applyAll(admin, [serviceAccount(secured)]);
});

/** `nobody` may do nothing at all: each command names the first thing that it wants. */
const refused: readonly (readonly [args: readonly string[], what: string, remedy: readonly string[]])[] = [
  [
    ["namespace", "list"],
    "user nobody may not list namespaces in the cluster",
    [
      "kubectl create clusterrole osm-list-namespaces --verb=list --resource=namespaces",
      "kubectl create clusterrolebinding osm-list-namespaces --clusterrole=osm-list-namespaces --user=nobody",
    ],
  ],
  [
    ["namespace", "list", "-o", "json"],
    "user nobody may not list namespaces in the cluster",
    ["kubectl create clusterrole osm-list-namespaces --verb=list --resource=namespaces"],
  ],
  [
    ["namespace", "add", shop],
    "user nobody may not get meshinjections.egress.openservicemesh.io osm-config in namespace osm-system",
    [
      "kubectl create role osm-get-meshinjections -n osm-system --verb=get --resource=meshinjections.egress.openservicemesh.io --resource-name=osm-config",
      "kubectl create rolebinding osm-get-meshinjections -n osm-system --role=osm-get-meshinjections --user=nobody",
    ],
  ],
  [
    ["namespace", "remove", shop],
    `user nobody may not get namespaces ${shop} in namespace ${shop}`,
    [`kubectl create role osm-get-namespaces -n ${shop} --verb=get --resource=namespaces --resource-name=${shop}`],
  ],
  [
    ["egress", "status"],
    "user nobody may not get egressrollouts.egress.openservicemesh.io osm-config in namespace osm-system",
    [
      "kubectl create role osm-get-egressrollouts -n osm-system --verb=get --resource=egressrollouts.egress.openservicemesh.io --resource-name=osm-config",
    ],
  ],
  [
    ["egress", "status", "-o", "yaml"],
    "user nobody may not get egressrollouts.egress.openservicemesh.io osm-config in namespace osm-system",
    ["kubectl create rolebinding osm-get-egressrollouts -n osm-system"],
  ],
  [
    ["egress", "enable"],
    "user nobody may not get configmaps osm-config in namespace osm-system",
    [
      "kubectl create role osm-get-configmaps -n osm-system --verb=get --resource=configmaps --resource-name=osm-config",
    ],
  ],
  [
    ["egress", "disable"],
    "user nobody may not get configmaps osm-config in namespace osm-system",
    ["kubectl create rolebinding osm-get-configmaps -n osm-system --role=osm-get-configmaps --user=nobody"],
  ],
  [
    ["restart", "--outdated", "-o", "json"],
    "user nobody may not get meshinjections.egress.openservicemesh.io osm-config in namespace osm-system",
    ["kubectl create role osm-get-meshinjections -n osm-system"],
  ],
  [
    ["reconcile"],
    "you may not act as group osm:reconcilers, whose members alone write sidecar configuration",
    ["kubectl create clusterrole osm-act-as-reconciler --verb=impersonate"],
  ],
  [
    ["install"],
    "user nobody may not patch meshinjections.egress.openservicemesh.io osm-config in namespace osm-system",
    ["choose the context of a cluster administrator with --context", "kubectl --kubeconfig", "auth whoami"],
  ],
  [
    ["uninstall"],
    "user nobody may not get mutatingadmissionpolicybindings.admissionregistration.k8s.io osm-sidecar-injection in the cluster",
    ["choose the context of a cluster administrator with --context", "kubectl --kubeconfig", "auth whoami"],
  ],
];
test.each(refused)("osm %j without the right: %s", async (args, what, remedy) => {
  const said = await osmSaid(kubeconfigOf("nobody"), ...args);
  expect([said.exitCode, said.stdout]).toEqual([1, ""]);
  const failure = failureOf(said);
  expect(failure.what).toContain(what);
  for (const part of remedy) expect(failure.remedy).toContain(part);
  expect(said.stderr).not.toMatch(/\n\s+at /);
});

test("the kubeconfig's place is named with a missing right", async () => {
  const said = await osmSaid(kubeconfigOf("nobody"), "egress", "status");
  expect(failureOf(said).what).toContain(`(context c, user nobody, in ${said.file})`);
});

test("no credentials: not a right is missing, but who asks", async () => {
  const config = { ...kubeconfigOf("nobody"), users: [{ name: "nobody", user: {} }] };
  const failure = failureOf(await osmSaid(config, "egress", "status"));
  expect(failure.what).toMatch(
    /^user system:anonymous may not get .*: the kubeconfig's user shows no credentials \(context c/,
  );
  expect(failure.remedy).toContain("auth whoami");
});

test.each(["baseline", "restricted"])(
  "Pod Security %s: namespace add refuses with the label that helps",
  async (level) => {
    const enforce = "pod-security.kubernetes.io/enforce";
    await mergePatch(admin, namespace(secured), { metadata: { labels: { [enforce]: level } } });
    const said = await osmSaid(kubeconfigOf("admin"), "namespace", "add", secured);
    expect([said.exitCode, said.stdout]).toEqual([1, ""]);
    const failure = failureOf(said);
    expect(failure.what).toMatch(
      new RegExp(`^namespace ${secured}: Pod Security level ${level}:latest forbids NET_ADMIN`),
    );
    expect(failure.remedy).toContain(`kubectl label namespace ${secured} ${enforce}=privileged --overwrite`);
  },
);

test("another mesh's namespace: whose it is, and how it comes out of there", async () => {
  const failure = failureOf(await osmSaid(kubeconfigOf("admin"), "namespace", "add", theirs));
  expect(failure).toEqual({
    what: `namespace ${theirs} belongs to mesh mine, not osm`,
    remedy: `take it out of that mesh first, if nobody needs it there: osm namespace remove ${theirs} --mesh-name mine`,
  });
  expect(failureOf(await osmSaid(kubeconfigOf("admin"), "namespace", "remove", theirs))).toEqual({
    what: `namespace ${theirs} belongs to mesh mine, not osm`,
    remedy: "give --mesh-name mine",
  });
});

test.each([[["namespace", "add", shop]], [["reconcile"]]])(
  "osm %j for a mesh of another name: the right one is named",
  async (args) => {
    const said = await osmSaid(kubeconfigOf("admin"), ...args, "--mesh-name", "mine");
    expect(said.exitCode).toBe(1);
    expect(failureOf(said)).toEqual({
      what: "the mesh of this cluster is named osm, not mine",
      remedy: expect.stringContaining("give --mesh-name osm"),
    });
  },
);

test.each([[["--mesh-name", "mine"]], [["--osm-namespace", "er-other"]]])(
  "a second mesh, %j: the first is named, and nothing is made",
  async (flags) => {
    const which = "--mesh-name osm --osm-namespace osm-system";
    const said = await osmSaid(kubeconfigOf("admin"), "install", ...flags);
    expect(said.exitCode).toBe(1);
    expect(failureOf(said)).toEqual({
      what: "this cluster has mesh osm in namespace osm-system; a cluster has one mesh",
      remedy: `bring that one up to date: osm install ${which}; or remove it first: osm uninstall ${which}`,
    });
    const other = await admin.send({ method: "GET", path: "/api/v1/namespaces/er-other" });
    expect(other.status).toBe(404);
  },
);
