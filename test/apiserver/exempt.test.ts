import { beforeAll, describe, expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import { connectAs, create } from "./api.ts";
import { prepareExempting, refusal } from "./exempting.ts";
import { pod } from "./pods.ts";
import type { IdentityName } from "./setup.ts";
import { annotating, createMaker, type Maker, makerPath, makers, merged, patchMaker } from "./templates.ts";

const admin = connectAs("admin");
const editor = connectAs("editor");
const exempter = connectAs("exempter");

const shop = "ex-shop";
const granted = "ex-granted";
const plain = "ex-plain";
const outside = "ex-outside";

const weak = {
  disabled: { [annotations.injection]: "Disabled" },
  udp: { [annotations.allowUdp]: "true" },
  ranges: { [annotations.excludedRanges]: "192.0.2.0/24" },
  ports: { [annotations.excludedPorts]: "5432" },
} as const;

beforeAll(() =>
  prepareExempting(
    { shop, granted, plain, outside },
    (connection, namespace) => createMaker(connection, "Pod", namespace, weak.udp),
    "system:serviceaccount:argo-rollouts:argo-rollouts",
  ),
);

describe("who may only edit gets no exempt pod", () => {
  test.each(makers.flatMap((kind) => Object.entries(weak).map(([what, given]) => [kind, what, given] as const)))(
    "by a %s with %s",
    async (kind, _, given) => {
      const told = refusal(await createMaker(editor, kind, shop, given));
      expect(told).toContain(
        `editor lacks verb exempt on egressrollouts.egress.openservicemesh.io osm-config in osm-system (ClusterRole osm-exempt), needed for ${Object.keys(given).join()}: pods would get past the capture.`,
      );
      expect(told).toContain("An administrator may bind the role to you, or apply this");
      expect(told).toContain(`kubectl annotate namespace ${shop} ${annotations.allowExemptPods}=true`);
    },
  );

  test.each(makers)("by a %s where the namespace allows them to controllers", async (kind) => {
    expect(refusal(await createMaker(editor, kind, granted, weak.udp))).toContain("editor lacks verb exempt");
  });

  test("by several annotations: all are named", async () => {
    const told = refusal(await createMaker(editor, "Pod", shop, { ...weak.udp, ...weak.ports, ...weak.disabled }));
    expect(told).toContain(
      `needed for ${annotations.injection}, ${annotations.allowUdp}, ${annotations.excludedPorts}: `,
    );
  });

  test("by somebody else's controller, allowed or not", async () => {
    const foreign = connectAs("foreignController");
    for (const [kind, where] of [
      ["Pod", shop],
      ["Pod", granted],
      ["ReplicaSet", granted],
    ] as const) {
      expect(refusal(await createMaker(foreign, kind, where, weak.udp))).toContain("argo-rollouts lacks verb exempt");
    }
  });
});

describe("who has the verb gets it", () => {
  test.each(makers)("by a %s", async (kind) => {
    for (const given of Object.values(weak)) {
      expect((await createMaker(exempter, kind, shop, given)).status).toBe(201);
    }
  });
});

describe("nobody needs it", () => {
  const harmless = {
    [annotations.injection]: "enabled",
    [annotations.allowUdp]: "False",
    [annotations.excludedRanges]: " ",
    [annotations.excludedPorts]: "",
    other: "true",
  };
  test.each(makers)("for a %s whose annotations take nothing out of the capture", async (kind) => {
    expect((await createMaker(editor, kind, shop, harmless)).status).toBe(201);
    expect((await createMaker(editor, kind, shop, {})).status).toBe(201);
  });

  test("to say no where the namespace does not inject; anything else it does", async () => {
    expect((await createMaker(editor, "Pod", plain, weak.disabled)).status).toBe(201);
    expect((await createMaker(editor, "Deployment", plain, weak.disabled)).status).toBe(201);
    expect((await createMaker(editor, "Pod", plain, weak.udp)).status).toBe(403);
  });

  test.each(makers)("for a %s outside the mesh", async (kind) => {
    expect((await createMaker(editor, kind, outside, { ...weak.udp, ...weak.disabled })).status).toBe(201);
  });
});

describe("a template that is there", () => {
  const living = makers.filter((kind) => kind !== "Pod" && kind !== "Job");
  const plainly = { name: "plainly", dryRun: false };
  const weakly = { name: "weakly", dryRun: false };
  const image = (kind: Maker) => {
    const spec = { template: { spec: { containers: [{ name: "app", image: "app:2" }] } } };
    return { spec: kind === "CronJob" ? { jobTemplate: { spec } } : spec };
  };

  beforeAll(async () => {
    for (const kind of living) {
      await createMaker(editor, kind, shop, {}, plainly);
      await createMaker(exempter, kind, shop, { ...weak.ports, ...weak.udp }, weakly);
    }
  });

  test.each(living)("%s: who may only edit adds nothing, by patch or whole", async (kind) => {
    const patched = await patchMaker(editor, kind, shop, "plainly", annotating(kind, weak.udp));
    expect(refusal(patched)).toContain("editor lacks verb exempt");
    const path = makerPath(kind, shop, "plainly");
    const object = JSON.parse((await editor.send({ method: "GET", path })).text) as object;
    const body = merged(object, annotating(kind, weak.disabled));
    const put = await editor.send({ method: "PUT", path, query: { dryRun: "All" }, body });
    expect(refusal(put)).toContain(`needed for ${annotations.injection}: `);
  });

  test.each(living)("%s: who may only edit changes no exemption, and may take it back", async (kind) => {
    const wider = annotating(kind, { [annotations.excludedPorts]: "5432,6379" });
    expect(refusal(await patchMaker(editor, kind, shop, "weakly", wider))).toContain(annotations.excludedPorts);
    const less = annotating(kind, { [annotations.allowUdp]: null, [annotations.excludedPorts]: null });
    expect((await patchMaker(editor, kind, shop, "weakly", less)).status).toBe(200);
    const off = annotating(kind, { [annotations.allowUdp]: "false" });
    expect((await patchMaker(editor, kind, shop, "weakly", off)).status).toBe(200);
  });

  test.each(living)("%s: whatever else of it is edited, exempt or not", async (kind) => {
    expect((await patchMaker(editor, kind, shop, "weakly", image(kind))).status).toBe(200);
    expect((await patchMaker(editor, kind, shop, "plainly", image(kind))).status).toBe(200);
  });

  test.each(living)("%s: who has the verb changes what he wants", async (kind) => {
    const more = annotating(kind, weak.disabled);
    expect((await patchMaker(exempter, kind, shop, "plainly", more)).status).toBe(200);
  });
});

describe("controllers", () => {
  test.each<[IdentityName, Maker]>([
    ["replicaSetController", "Pod"],
    ["jobController", "Pod"],
    ["deploymentController", "ReplicaSet"],
    ["cronJobController", "Job"],
    ["controllerManager", "Pod"],
  ])("%s makes an exempt %s where the namespace allows it, and nowhere else", async (who, kind) => {
    const connection = connectAs(who);
    expect((await createMaker(connection, kind, granted, { ...weak.udp, ...weak.disabled })).status).toBe(201);
    const told = refusal(await createMaker(connection, kind, shop, weak.udp));
    expect(told).toContain("lacks verb exempt");
    expect(told).toContain(`kubectl annotate namespace ${shop} ${annotations.allowExemptPods}=true`);
    expect((await createMaker(connection, kind, shop, {})).status).toBe(201);
  });
});

describe("a running pod", () => {
  beforeAll(async () => {
    await create(admin, {
      ...pod(shop, {}, weak.udp),
      metadata: { name: "weak", namespace: shop, annotations: weak.udp },
    });
    await create(admin, { ...pod(shop), metadata: { name: "captured", namespace: shop } });
  });

  test("keeps the annotations by which others tell what it is", async () => {
    const without = annotating("Pod", { [annotations.allowUdp]: null });
    expect(refusal(await patchMaker(editor, "Pod", shop, "weak", without))).toContain(annotations.allowUdp);
    const disabled = annotating("Pod", weak.disabled);
    expect(refusal(await patchMaker(editor, "Pod", shop, "captured", disabled))).toContain(annotations.injection);
    expect((await patchMaker(exempter, "Pod", shop, "weak", without)).status).toBe(200);
  });

  test("has all others changed, and is poked", async () => {
    const poked = annotating("Pod", { [annotations.poke]: "off-1 now", mine: "yes" });
    expect((await patchMaker(editor, "Pod", shop, "weak", poked)).status).toBe(200);
    expect((await patchMaker(editor, "Pod", shop, "captured", poked)).status).toBe(200);
  });
});
