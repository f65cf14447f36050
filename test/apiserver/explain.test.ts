import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { injectedSpec } from "#deploy/injection/plain.ts";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { program } from "#lib/cli/main.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { expectOk, type KubeObject } from "#lib/kube/objects.ts";
import { annotations } from "#lib/mesh/names.ts";
import type { Explanation } from "#lib/rollout/explanation.ts";
import type { OutsidePod } from "#lib/rollout/status.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, kubeconfigOf, remove } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { appContainer, namespace, pod, serviceAccount } from "./pods.ts";
import type { IdentityName } from "./setup.ts";

const admin = connectAs("admin");
const shop = "ex-shop";
const other = "ex-other";
const image = defaults.images.sidecar;
const harmless = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

/** What somebody has who may see the pods of a namespace, and no more. */
const rbac = "rbac.authorization.k8s.io";
const role: KubeObject = {
  apiVersion: `${rbac}/v1`,
  kind: "Role",
  metadata: { name: "osm-test-owner", namespace: shop },
  rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
};
const binding: KubeObject = {
  apiVersion: `${rbac}/v1`,
  kind: "RoleBinding",
  metadata: role.metadata,
  roleRef: { apiGroup: rbac, kind: "Role", name: role.metadata.name },
  subjects: [{ apiGroup: rbac, kind: "User", name: "owner" }],
};

function named(
  name: string,
  spec: object,
  notes: Readonly<Record<string, string>> = {},
  inNamespace = shop,
): KubeObject {
  return { ...pod(inNamespace, spec), metadata: { name, namespace: inNamespace, annotations: notes } };
}

const secured = (securityContext: object) => ({ containers: [{ ...appContainer, securityContext }] });
/** As `osm inject` makes it, and then as somebody does who would rather not be captured: where the API server does not inject. */
function byHand(change: object): KubeObject {
  const bare = { metadata: {}, spec: { ...secured(harmless), serviceAccountName: "default" } };
  const { initContainers = [], ...spec } = injectedSpec(
    bare,
    { images: { sidecar: image } },
    { limits: {}, requests: {} },
  ) as {
    readonly initContainers?: readonly object[];
  };
  const [capture, ...rest] = initContainers;
  return named("by-hand", { ...spec, initContainers: [{ ...capture, ...change }, ...rest] }, {}, other);
}

const pods: readonly KubeObject[] = [
  named("inside", secured(harmless)),
  named("plain", {}),
  named("open", secured(harmless), {
    [annotations.allowUdp]: "true",
    [annotations.excludedRanges]: "10.0.0.0/8",
    [annotations.excludedPorts]: "6379",
  }),
  named("debugged", secured(harmless)),
  named("unwilling", {}, { [annotations.injection]: "disabled" }),
  named("host", { hostNetwork: true }),
  named("away", {}, {}, other),
  byHand({ command: ["true"], args: ["0.0.0.0/0"] }),
];

let directory = "";
let said = "";

async function status(who: IdentityName, ...flags: readonly string[]): Promise<void> {
  const args = ["egress", "status", "--kubeconfig", join(directory, who), ...flags];
  await program().parseAsync(args, { from: "user" });
}

/** @param name  `POD` of the namespace of this file, or `NAMESPACE/POD` */
async function explained(name: string, who: IdentityName = "admin"): Promise<Explanation> {
  said = "";
  await status(who, "--explain", name.includes("/") ? name : `${shop}/${name}`, "-o", "json");
  return JSON.parse(said) as Explanation;
}

const codes = ({ guarantee }: Explanation) => guarantee.reasons.map(({ code }) => code);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "osm-explain-"));
  for (const who of ["admin", "owner"] as const) {
    writeFileSync(join(directory, who), JSON.stringify(kubeconfigOf(who)));
  }
  await serveMeshInjection(admin, defaults);
  const parameter = meshInjection(defaults);
  await remove(admin, parameter);
  await applyAll(admin, [
    parameter,
    injectionPolicy(),
    injectionBinding(defaults),
    ...[namespace(shop, "enabled"), namespace(other, "enabled", false)],
    ...[serviceAccount(shop), serviceAccount(other)],
    ...[role, binding],
  ]);
  await eventually("new pods are injected", async () => (await create(admin, pod(shop), true)).text.includes(image));
  for (const object of pods) expect((await create(admin, object)).status).toBe(201);
  const ephemeralContainers = [
    { name: "debugger", image: "debug:1", securityContext: { capabilities: { add: ["SYS_CHROOT"] } } },
  ];
  // Where policy osm-sidecar-guard is installed too, it asks for that.
  const captured = { name: "osm-init", image: "", imageID: "", restartCount: 0, ready: true };
  await expectOk(admin, {
    method: "PATCH",
    path: `${objectPath(named("debugged", {}))}/status`,
    contentType: "application/strategic-merge-patch+json",
    body: { status: { initContainerStatuses: [{ ...captured, state: { terminated: { exitCode: 0 } } }] } },
  });
  await expectOk(admin, {
    method: "PATCH",
    path: `${objectPath(named("debugged", {}))}/ephemeralcontainers`,
    contentType: "application/strategic-merge-patch+json",
    body: { spec: { ephemeralContainers } },
  });
  await eventually("the owner may see pods", async () => {
    return (await connectAs("owner").send({ method: "GET", path: objectPath(named("plain", {})) })).status === 200;
  });
});
afterAll(async () => {
  for (const object of [...pods, binding, role]) await remove(admin, object);
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  said = "";
  vi.spyOn(console, "log").mockImplementation((text: unknown) => {
    said += `${String(text)}\n`;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("osm egress status --explain, live from the API server", () => {
  test("a pod inside the guarantee", async () => {
    expect(await explained("inside")).toEqual({
      pod: `${shop}/inside`,
      inMesh: true,
      meshMessage: `namespace ${shop} belongs to mesh osm`,
      injected: true,
      injectionMessage: "it has its sidecar",
      sidecar: { image, message: "its sidecar does not run" },
      capture: { excludedRanges: [], excludedPorts: [], allowsUdp: false },
      guarantee: { holds: true, message: "off means that nothing gets out of it", reasons: [] },
    });
  });

  test("one that says nothing of its rights: every reason, with what to change", async () => {
    const { guarantee } = await explained("plain");
    expect(guarantee.holds).toBe(false);
    expect(guarantee.reasons.map(({ code, containers, remedy }) => [code, containers, remedy])).toEqual([
      ["MayEscalate", ["app"], "set allowPrivilegeEscalation to false"],
      ["KeepsCapabilities", ["app"], expect.stringContaining("drop ALL capabilities")],
      ["UnknownUser", ["app"], expect.stringContaining("set runAsUser")],
    ]);
  });

  test("one with a container that was added to it later", async () => {
    const { guarantee } = await explained("debugged");
    expect(guarantee.reasons.map(({ code, containers, what }) => [code, containers, what])).toEqual([
      ["EphemeralContainer", ["debugger"], ["MayEscalate", "AddsCapabilities", "KeepsCapabilities", "UnknownUser"]],
    ]);
    expect(guarantee.reasons[0]?.remedy).toContain("delete the pod");
  });

  test.each([
    ["open", true, true, ["AllowsUdp", "ExcludesRanges", "ExcludesPorts"]],
    ["unwilling", true, false, ["InjectionDisabled"]],
    ["host", true, false, ["HostNetwork"]],
    [`${other}/away`, false, false, []],
  ])("%s", async (name, inMesh, injected, reasons) => {
    const told = await explained(name);
    expect([told.inMesh, told.injected, told.guarantee.holds]).toEqual([inMesh, injected, false]);
    expect(codes(told)).toEqual(reasons);
  });

  test("a sidecar that somebody has made by hand", async () => {
    const told = await explained(`${other}/by-hand`);
    expect([told.inMesh, told.injected, codes(told)]).toEqual([true, true, ["ForeignSidecar", "OutdatedCapture"]]);
    expect(told.guarantee.reasons.map(({ what }) => what)).toEqual([["osm-init command"], ["0.0.0.0/0"]]);
  });

  test("--outside lists all of them, in order", async () => {
    await status("admin", "--outside", "-o", "json");
    const outside = (JSON.parse(said) as readonly OutsidePod[]).filter((one) => one.pod.startsWith("ex-"));
    expect(outside.map((one) => [one.pod, one.reasons.map(({ code }) => code)])).toEqual([
      [`${shop}/debugged`, ["EphemeralContainer"]],
      [`${shop}/host`, ["HostNetwork"]],
      [`${shop}/open`, ["AllowsUdp", "ExcludesRanges", "ExcludesPorts"]],
      [`${shop}/plain`, ["MayEscalate", "KeepsCapabilities", "UnknownUser"]],
      [`${shop}/unwilling`, ["InjectionDisabled"]],
    ]);
    said = "";
    await status("admin", "--outside");
    expect(said).toContain(`${shop}/unwilling`);
  });

  test("for a person, with the namespace beside the pod's name", async () => {
    await status("admin", "--explain", "plain", "-n", shop);
    expect(said).toContain(`Pod ${shop}/plain\n  in mesh    yes: `);
    expect(said).toContain("\n  capture    all TCP; UDP closed but for its own name servers\n");
    expect(said).toContain("\n  MayEscalate: container app may gain rights");
    expect(said).toContain("\n  → set allowPrivilegeEscalation to false\n");
  });

  test("for somebody who may only see the pod: what is left is said, and no failure", async () => {
    await makeRun("inside");
    const told = await explained("inside", "owner");
    expect(told).toMatchObject({ inMesh: true, injected: true, guarantee: { holds: true } });
    expect(told.meshMessage).toContain("it has a sidecar");
    expect(told.sidecar).toEqual({
      image,
      message: `you may not ask it: that takes the verb get on pods/proxy in namespace ${shop}`,
    });
    const silent = await explained("inside");
    expect(silent.sidecar?.message).toMatch(/^NoAnswer: /);
  });
});

/** Its sidecar, as a kubelet would tell of it; nobody answers there. */
async function makeRun(name: string): Promise<void> {
  const startedAt = "2026-01-01T00:00:00Z";
  const running = {
    name: "envoy",
    image,
    imageID: "",
    ready: true,
    restartCount: 0,
    state: { running: { startedAt } },
  };
  await expectOk(admin, {
    method: "PATCH",
    path: `${objectPath(named(name, {}))}/status`,
    contentType: "application/merge-patch+json",
    body: { status: { initContainerStatuses: [running] } },
  });
}

describe("what cannot be explained", () => {
  test.each([
    [["--explain", `${shop}/nobody`], `there is no pod nobody in namespace ${shop}`],
    [["--explain", "ex-nowhere/web"], "namespace ex-nowhere does not exist"],
    [["--explain", "web"], "there is no pod web in namespace default"],
    [["--explain", `${shop}/web`, "-n", other], "two namespaces for one pod"],
    [["--explain", `${shop}/web`, "--outside"], "--explain is about one pod, --outside about all of them"],
  ])("%j", async (flags, message) => {
    await expect(status("admin", ...flags)).rejects.toThrow(message);
  });

  test("a pod that the person may not see: the API server's words", async () => {
    await expect(status("owner", "--explain", `${other}/away`)).rejects.toThrow(
      /api-forbidden.*pods "away" is forbidden/,
    );
  });
});
