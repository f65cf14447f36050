import { beforeEach, describe, expect, test } from "vitest";
import { changeStep } from "#lib/cli/egress-switch.ts";
import { changeMembership } from "#lib/cli/membership.ts";
import { addition } from "#lib/cli/namespace-add.ts";
import { removalOf } from "#lib/cli/namespace-remove.ts";
import { createOrEdit } from "#lib/cli/osm-config-edit.ts";
import { type ObjectWithOwners, otherOwners } from "#lib/cli/other-owners.ts";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";
import { annotations, labels, meshPlace } from "#lib/mesh/names.ts";

type Metadata = ObjectWithOwners["metadata"];

const flux = { "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" };
const warning = "also kept by Kustomization flux-system/apps, which may set it back: change it there too";

const egressBy = (manager: string) => ({ manager, operation: "Apply", fieldsV1: { "f:data": { "f:egress": {} } } });
const labelBy = (manager: string) => ({
  manager,
  fieldsV1: { "f:metadata": { "f:labels": { [`f:${labels.monitoredBy}`]: {} } } },
});

describe("who may set a field back", () => {
  const egress = [["data", "egress"]];

  test.each<[string, Metadata, readonly string[][], string | undefined]>([
    ["nobody", {}, egress, undefined],
    ["people at a command line", { managedFields: [egressBy("osm"), egressBy("kubectl-patch")] }, egress, undefined],
    ["another manager", { managedFields: [egressBy("helm")] }, egress, "helm"],
    ["another manager's other field", { managedFields: [labelBy("helm")] }, egress, undefined],
    ["a label's", { managedFields: [labelBy("helm")] }, [["metadata", "labels", labels.monitoredBy]], "helm"],
    [
      "a tool by its labels, though it is no manager any more",
      { managedFields: [egressBy("osm")], labels: flux },
      egress,
      "Kustomization flux-system/apps",
    ],
    [
      "both, each once",
      { managedFields: [egressBy("x"), egressBy("x")], labels: flux },
      egress,
      "x, Kustomization flux-system/apps",
    ],
    ["nobody, where nothing is changed", { managedFields: [egressBy("helm")], labels: flux }, [], undefined],
  ])("%s", (_what, metadata, changed, owners) => {
    const text = otherOwners({ metadata }, changed);
    expect(text).toBe(owners && `also kept by ${owners}, which may set it back: change it there too`);
  });
});

/** An API server that has this one object, and takes every change of it. */
function serving(object: object): KubeConnection & { readonly changes: KubeRequest[] } {
  const changes: KubeRequest[] = [];
  return {
    changes,
    server: "https://api",
    send: async (request) => {
      if (request.method !== "GET") changes.push(request);
      const isList = request.path.endsWith("/pods");
      return { status: 200, text: JSON.stringify(isList ? { items: [] } : object), serverTimeMs: undefined };
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
}

describe("every command that changes a field of others says so, also the second time", () => {
  // A first change has taken the field over: its tool is in no managedFields any more.
  const config = {
    metadata: { resourceVersion: "1", labels: flux, managedFields: [egressBy("osm")] },
    data: { egress: "false" },
  };
  const member = {
    metadata: { labels: { ...flux, [labels.monitoredBy]: "osm" }, annotations: { [annotations.injection]: "enabled" } },
  };
  const wait = { resourceVersion: "" };

  beforeEach(() => {
    wait.resourceVersion = "";
  });

  test("osm egress enable, and not where the value is there", async () => {
    const api = serving(config);
    expect(await changeStep(api, "osm-system", true, wait).run(() => undefined)).toBe(`written; ${warning}`);
    expect(wait.resourceVersion).toBe("1");
    expect(api.changes).toMatchObject([{ query: { fieldManager: "osm" }, body: { data: { egress: "true" } } }]);
    expect(await changeStep(api, "osm-system", false, wait).run(() => undefined)).toBeUndefined();
  });

  test("osm install", async () => {
    const first = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "osm-config", namespace: "osm-system" } };
    expect(await createOrEdit(serving(config), first, { egress: "true" })).toMatchObject({ owners: warning });
    const helms = { ...config, metadata: { resourceVersion: "1", managedFields: [egressBy("helm")] } };
    const edit = await createOrEdit(serving(helms), first, { egress: "true" });
    expect(edit).toMatchObject({ owners: "also kept by helm, which may set it back: change it there too" });
  });

  test("osm namespace add and remove, and not where nothing is changed", async () => {
    const api = serving(member);
    expect(await changeMembership(api, "shop", { mesh: "osm", left: null, injection: "disabled" })).toBe(warning);
    expect(await changeMembership(api, "shop", { mesh: "osm", left: null, injection: "enabled" })).toBeUndefined();
    const add = addition(api, api, meshPlace, ["shop"], false).changes.at(-1);
    expect(await add?.run(() => undefined)).toBe(`successfully added to mesh [osm]; ${warning}`);
    const removal = removalOf(api, "osm", ["shop"]);
    expect(await removal.steps[1]?.run(() => undefined)).toBe(`successfully removed from mesh [osm]; ${warning}`);
    // The last two take the namespace out, and then the mark off that nobody needs.
    expect(api.changes.map(({ query }) => query)).toEqual(Array(5).fill({ fieldManager: "osm" }));
  });
});
