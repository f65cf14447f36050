import { beforeAll, describe, expect, test } from "vitest";
import { osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { sidecarGuardBinding, sidecarGuardPolicy } from "#deploy/policies/sidecar-guard.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { expectOk, type KubeObject } from "#lib/kube/objects.ts";
import { annotations, labels, sidecar } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, mergePatch, messageOf } from "./api.ts";
import { appContainer, namespace, pod, serviceAccount } from "./pods.ts";

/** With every right of RBAC: what is refused is the policy's doing. */
const editor = connectAs("admin");

const shop = "sg-shop";
const elsewhere = "sg-elsewhere";
const injected = (where: string) =>
  pod(where, {
    initContainers: [
      { name: sidecar.captureContainer, image: "sidecar:1" },
      { name: sidecar.container, image: "sidecar:1", restartPolicy: "Always" },
    ],
  });

beforeAll(async () => {
  await applyAll(editor, [
    osmNamespaceObject(defaults),
    namespace(shop),
    namespace(elsewhere, undefined, false),
    serviceAccount(shop),
    serviceAccount(elsewhere),
    sidecarGuardPolicy(defaults),
    sidecarGuardBinding(defaults),
  ]);
  await eventually("the pods are there", async () => {
    const made = await Promise.all([create(editor, injected(shop)), create(editor, injected(elsewhere))]);
    return made.every(({ status }) => status === 201 || status === 409);
  });
  await expectOk(editor, { ...captureOf(injected(shop), true), method: "PATCH" });
  await eventually("the policy is in force", async () => (await withImage(sidecar.container)).status === 403);
});

/** What the kubelet says of the init container that captures. */
function captureOf(it: KubeObject, ready: boolean) {
  const imageID = "";
  const common = { name: sidecar.captureContainer, image: "sidecar:1", imageID, restartCount: 0 };
  const state = ready ? { terminated: { exitCode: 0 } } : { waiting: { reason: "CrashLoopBackOff" } };
  return {
    path: `${objectPath(it)}/status`,
    contentType: "application/strategic-merge-patch+json",
    body: { status: { initContainerStatuses: [{ ...common, ready, state }] } },
  } as const;
}

function withImage(container: string, where = shop) {
  const containers = [sidecar.captureContainer, sidecar.container].map((name) => ({
    name,
    image: name === container ? "mine:1" : "sidecar:1",
  }));
  return strategicPatch({ spec: { initContainers: containers } }, where);
}

function strategicPatch(body: object, where = shop) {
  return editor.send({
    method: "PATCH",
    path: objectPath(injected(where)),
    query: { dryRun: "All" },
    contentType: "application/strategic-merge-patch+json",
    body,
  });
}

describe("a running pod of the mesh", () => {
  test.each([sidecar.container, sidecar.captureContainer])("keeps the image of %s", async (container) => {
    const patched = await withImage(container);
    expect(patched.status).toBe(403);
    expect(messageOf(patched)).toContain("their images stay as they are");
  });

  test("may have its own containers' images, labels and annotations changed, and is poked", async () => {
    const own = { spec: { containers: [{ ...appContainer, image: "app:2" }] } };
    expect((await strategicPatch(own)).status).toBe(200);
    const poke = { metadata: { annotations: { [annotations.poke]: "off-1 now" }, labels: { a: "b" } } };
    expect((await mergePatch(editor, injected(shop), poke)).status).toBe(200);
  });

  test.each(["exec", "attach"])("lets nobody into its sidecar by %s", async (way) => {
    const entered = await enter(way, sidecar.container);
    expect(entered.status).toBe(403);
    expect(messageOf(entered)).toContain("nobody enters them");
    expect((await enter(way, sidecar.captureContainer)).status).toBe(403);
    // Its own are open, as far as the policy is concerned: no node answers here.
    expect((await enter(way, appContainer.name)).text).not.toContain("nobody enters them");
  });
});

function enter(way: string, container: string, where = shop) {
  return editor.send({
    method: "POST",
    path: `${objectPath(injected(where))}/${way}`,
    query: { container, command: "id", stdout: true },
    timeoutMs: 20_000,
  });
}

function mounting(volume: string): object {
  return { volumeMounts: [{ name: volume, mountPath: "/there" }] };
}

describe("an ephemeral container", () => {
  const plain = { name: "debug", image: "debug:1" };
  test.each<[what: string, container: object, message: string]>([
    ["with the sidecar's uid", { securityContext: { runAsUser: sidecar.uid } }, `must not run as uid ${sidecar.uid}`],
    ["with NET_ADMIN", { securityContext: { capabilities: { add: ["NET_ADMIN"] } } }, "must add none of"],
    [
      "with NET_ADMIN by its long name",
      { securityContext: { capabilities: { add: ["CAP_NET_ADMIN"] } } },
      "must add none of",
    ],
    ["with SETUID in small letters", { securityContext: { capabilities: { add: ["setuid"] } } }, "must add none of"],
    ["that is privileged", { securityContext: { privileged: true } }, "must not be privileged"],
    ["that targets the sidecar", { targetContainerName: sidecar.container }, "must not target"],
  ])("%s is refused", async (_, container, message) => {
    const added = await addTo(shop, { ...plain, ...container });
    expect(added.status).toBe(403);
    expect(messageOf(added)).toContain(message);
  });

  test("is refused while the pod's capture does not stand: the kubelet would start it all the same", async () => {
    await expectOk(editor, { ...captureOf(injected(shop), false), method: "PATCH" });
    try {
      const added = await addTo(shop, plain);
      expect([added.status, messageOf(added)]).toEqual([
        403,
        expect.stringContaining("only after osm-init has finished"),
      ]);
      await expectOk(editor, {
        method: "PATCH",
        path: `${objectPath(injected(shop))}/status`,
        contentType: "application/merge-patch+json",
        body: { status: { initContainerStatuses: null } },
      });
      expect((await addTo(shop, plain)).status).toBe(403);
    } finally {
      await expectOk(editor, { ...captureOf(injected(shop), true), method: "PATCH" });
    }
  });

  test("is added to a pod that has no sidecar", async () => {
    const bare = { ...pod(shop), metadata: { name: "bare", namespace: shop } };
    expect([201, 409]).toContain((await create(editor, bare)).status);
    const added = await editor.send({
      method: "PATCH",
      path: `${objectPath(bare)}/ephemeralcontainers`,
      query: { dryRun: "All" },
      contentType: "application/strategic-merge-patch+json",
      body: { spec: { ephemeralContainers: [plain] } },
    });
    expect(added.status).toBe(200);
  });

  const tracing = { ...plain, securityContext: { capabilities: { add: ["SYS_PTRACE"] } } };

  test("as kubectl debug makes it, with SYS_PTRACE, is added, but not where processes are shared", async () => {
    expect((await addTo(shop, { ...tracing, targetContainerName: appContainer.name })).status).toBe(200);
    const { spec } = injected(shop) as { readonly spec?: object };
    const sharing: KubeObject = {
      ...injected(shop),
      metadata: { name: "sharing", namespace: shop },
      spec: { ...spec, shareProcessNamespace: true },
    };
    expect([201, 409]).toContain((await create(editor, sharing)).status);
    await expectOk(editor, { ...captureOf(sharing, true), method: "PATCH" });
    const added = await addTo(shop, tracing, sharing);
    expect([added.status, messageOf(added)]).toEqual([403, expect.stringContaining("must not add SYS_PTRACE")]);
    expect((await addTo(shop, plain, sharing)).status).toBe(200);
  });

  test("that asks for nothing of this is added", async () => {
    expect((await addTo(shop, plain)).status).toBe(200);
    expect((await addTo(shop, { ...plain, targetContainerName: appContainer.name })).status).toBe(200);
  });
});

function addTo(where: string, container: object, to = injected(where)) {
  return editor.send({
    method: "PATCH",
    path: `${objectPath(to)}/ephemeralcontainers`,
    query: { dryRun: "All" },
    contentType: "application/strategic-merge-patch+json",
    body: { spec: { ephemeralContainers: [container] } },
  });
}

test("what is outside the mesh is nobody's business, whatever its containers are called", async () => {
  expect((await withImage(sidecar.container, elsewhere)).status).toBe(200);
  const added = await addTo(elsewhere, { name: "debug", image: "d:1", securityContext: { privileged: true } });
  expect(added.status).toBe(200);
  for (const way of ["exec", "attach"]) {
    expect((await enter(way, sidecar.container, elsewhere)).text).not.toContain("nobody enters them");
  }
});

describe("a pod that keeps its sidecar where the mesh is no more", () => {
  const left = "sg-left";
  const kept = (where: string, name: string, { restartPolicy = "Always", configMap = "osm-sidecar.default" } = {}) => ({
    ...injected(where),
    metadata: { name, namespace: where },
    spec: {
      containers: [appContainer],
      initContainers: [
        { name: sidecar.captureContainer, image: "sidecar:1" },
        { name: sidecar.container, image: "sidecar:1", ...(restartPolicy === "" ? {} : { restartPolicy }) },
      ],
      volumes: [
        { name: sidecar.volume, configMap: { name: configMap } },
        { name: "osm-sidecar-run", emptyDir: {} },
      ],
    },
  });
  const swapped = (it: ReturnType<typeof kept>) =>
    editor.send({
      method: "PATCH",
      path: objectPath(it),
      query: { dryRun: "All" },
      contentType: "application/strategic-merge-patch+json",
      body: { spec: { initContainers: [{ name: sidecar.container, image: "mine:1" }] } },
    });

  beforeAll(async () => {
    const marked = namespace(left, undefined, false);
    await applyAll(editor, [
      { ...marked, metadata: { ...marked.metadata, labels: { [labels.leftMesh]: "osm" } } },
      serviceAccount(left),
    ]);
    const pods = [
      kept(left, "subject"),
      kept(elsewhere, "kept"),
      kept(elsewhere, "not-a-sidecar", { restartPolicy: "" }),
      kept(elsewhere, "not-ours", { configMap: "envoy" }),
    ];
    for (const one of pods) expect([201, 409]).toContain((await create(editor, one)).status);
  });

  test.each([[kept(left, "subject")], [kept(elsewhere, "kept")]])(
    "keeps its images, and takes no container that leads into it (%j)",
    async (it) => {
      expect(messageOf(await swapped(it))).toContain("their images stay as they are");
      const debug = { name: "debug", image: "d:1" };
      const early = await addTo("", debug, it);
      expect([early.status, messageOf(early)]).toEqual([403, expect.stringContaining("only after osm-init")]);
      await expectOk(editor, { ...captureOf(it, true), method: "PATCH" });
      for (const volume of ["osm-sidecar-run", sidecar.volume]) {
        const added = await addTo("", { ...debug, ...mounting(volume) }, it);
        expect([added.status, messageOf(added)]).toEqual([
          403,
          expect.stringContaining("debug must not mount osm-sidecar-config or osm-sidecar-run"),
        ]);
      }
      expect((await addTo("", debug, it)).status).toBe(200);
      const own = { metadata: { labels: { a: "b" } } };
      expect((await mergePatch(editor, it, own)).status).toBe(200);
    },
  );

  test.each(["not-a-sidecar", "not-ours"])("%s: one that only has its names is its owner's", async (name) => {
    const it = { ...kept(elsewhere, name) };
    expect((await swapped(it)).status).toBe(200);
    expect((await addTo("", { name: "debug", image: "d:1", ...mounting(sidecar.volume) }, it)).status).toBe(200);
  });

  test.each(["exec", "attach"])("lets nobody in by %s, where the namespace says that it was a member", async (way) => {
    const entered = await enter(way, sidecar.container, left);
    expect([entered.status, messageOf(entered)]).toEqual([403, expect.stringContaining("nobody enters them")]);
    expect((await enter(way, appContainer.name, left)).text).not.toContain("nobody enters them");
  });
});
