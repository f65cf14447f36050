import { beforeAll, expect, test } from "vitest";
import { osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { reconcilerAccess } from "#deploy/rbac/reconciler.ts";
import { readServiceCidrs } from "#lib/kube/service-cidrs.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs } from "./api.ts";

const admin = connectAs("admin");
const reconciler = connectAs("reconciler");
const collection = "/apis/networking.k8s.io/v1/servicecidrs";

beforeAll(async () => {
  await applyAll(admin, [osmNamespaceObject(defaults), ...reconcilerAccess(defaults)]);
  await eventually("the role is in force", async () => "cidrs" in (await readServiceCidrs(reconciler)));
});

test("the range that the API server was started with, and what was added, by the reconciler's own rights", async () => {
  expect(await readServiceCidrs(reconciler)).toEqual({ cidrs: ["10.96.0.0/16"] });
  const added = {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name: "more" },
    spec: { cidrs: ["10.97.0.0/24", "fd00:97::/112"] },
  };
  try {
    expect((await admin.send({ method: "POST", path: collection, body: added })).status).toBe(201);
    expect(await readServiceCidrs(reconciler)).toEqual({ cidrs: ["10.96.0.0/16", "10.97.0.0/24"] });
  } finally {
    await admin.send({ method: "DELETE", path: `${collection}/more` });
  }
});

test("without the right nobody can tell, and it says so", async () => {
  expect(await readServiceCidrs(connectAs("nobody"))).toEqual({
    why: "the reconciler may not list servicecidrs.networking.k8s.io; osm install grants it",
  });
});
