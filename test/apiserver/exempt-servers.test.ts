import { beforeAll, describe, expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import { outsideReasons } from "#lib/mesh/pod-guarantee.ts";
import { connectAs } from "./api.ts";
import { prepareExempting, refusal } from "./exempting.ts";
import { createMaker, type Maker, makerPath, makers, patchMaker } from "./templates.ts";

const admin = connectAs("admin");
const editor = connectAs("editor");
const exempter = connectAs("exempter");
const shop = "es-shop";
const granted = "es-granted";
const plain = "es-plain";
const outside = "es-outside";
const host = "198.51.100.1";

function servers(...nameservers: readonly string[]) {
  return { dnsPolicy: "None", dnsConfig: { nameservers } };
}
const open = { spec: servers(host) };
const opening = (kind: Maker, spec: object) => {
  const template = { spec: { template: { spec } } };
  return kind === "CronJob" ? { spec: { jobTemplate: template } } : template;
};

beforeAll(() =>
  prepareExempting({ shop, granted, plain, outside }, (connection, namespace) =>
    createMaker(connection, "Pod", namespace, {}, open),
  ),
);

describe("name servers of a pod's own, to which the capture lets UDP through", () => {
  test.each(makers)("a %s that has some: refused but to who holds the verb", async (kind) => {
    const told = refusal(await createMaker(editor, kind, shop, {}, open));
    expect(told).toContain("editor lacks verb exempt on egressrollouts");
    expect(told).toContain(`needed for dnsConfig.nameservers ${host}: pods would get past the capture`);
    expect((await createMaker(exempter, kind, shop, {}, open)).status).toBe(201);
  });

  test("beside an annotation: both are named", async () => {
    const told = refusal(await createMaker(editor, "Pod", shop, { [annotations.allowUdp]: "true" }, open));
    expect(told).toContain(`needed for ${annotations.allowUdp}, dnsConfig.nameservers ${host}: `);
  });

  test.each(["replicaSetController", "controllerManager"] as const)(
    "made by %s: where the namespace allows it, and nowhere else",
    async (who) => {
      expect((await createMaker(connectAs(who), "Pod", granted, {}, open)).status).toBe(201);
      expect(refusal(await createMaker(connectAs(who), "Pod", shop, {}, open))).toContain("dnsConfig.nameservers");
      expect((await createMaker(connectAs(who), "Pod", shop, {})).status).toBe(201);
    },
  );

  test.each([
    [[host]],
    [["169.254.20.10", host]],
    [["127.0.0.1", "169.254.169.253"]],
    [["10.96.0.10"]],
    [["126.0.0.1"]],
    [["169.254.20.10"]],
    [["127.0.0.1"]],
    [["fd00::a"]],
    [["fd00::a", "128.0.0.1"]],
    [["170.254.0.1", "127.255.255.255"]],
  ])("%j: refused exactly where the status would call such a pod open", async (nameservers) => {
    const spec = servers(...nameservers);
    const what = outsideReasons({ spec }).flatMap((reason) => reason.what ?? []);
    const told = refusal(await createMaker(editor, "Pod", shop, {}, { spec }));
    expect(/needed for dnsConfig.nameservers (.*?): pods would/.exec(told)?.[1] ?? told).toBe(what.join(" ") || "201");
  });

  test("search domains and options: admitted", async () => {
    const dnsConfig = { searches: ["example.com"], options: [{ name: "ndots", value: "2" }] };
    expect((await createMaker(editor, "Pod", shop, {}, { spec: { dnsConfig } })).status).toBe(201);
  });

  test.each([
    ["in its node's network", shop, { ...servers(host), hostNetwork: true }],
    ["of Windows", shop, { ...servers(host), os: { name: "windows" } }],
    ["of Windows, by its node", shop, { ...servers(host), nodeSelector: { "kubernetes.io/os": "windows" } }],
    ["where nothing is injected", plain, servers(host)],
    ["outside the mesh", outside, servers(host)],
  ])("a pod %s has no capture to get past: admitted", async (_, where, spec) => {
    expect((await createMaker(editor, "Pod", where, {}, { spec })).status).toBe(201);
  });

  test("a pod that asks for a sidecar where others get none is judged", async () => {
    const told = refusal(await createMaker(editor, "Pod", plain, { [annotations.injection]: "Yes" }, open));
    expect(told).toContain("dnsConfig.nameservers");
  });
});

describe("a template that is there", () => {
  const living = makers.filter((kind) => kind !== "Pod" && kind !== "Job");
  beforeAll(async () => {
    for (const kind of living) {
      await createMaker(editor, kind, shop, {}, { name: "closed", dryRun: false });
      await createMaker(exempter, kind, shop, {}, { name: "open", dryRun: false, ...open });
      const hostNetwork = { ...servers(host), hostNetwork: true };
      await createMaker(editor, kind, shop, {}, { name: "host", dryRun: false, spec: hostNetwork });
    }
  });

  test.each(living)("%s: who may only edit opens nothing, and closes or edits what he wants", async (kind) => {
    expect(refusal(await patchMaker(editor, kind, shop, "closed", opening(kind, servers(host))))).toContain(host);
    const wider = opening(kind, servers(host, "198.51.100.2"));
    expect(refusal(await patchMaker(editor, kind, shop, "open", wider))).toContain("198.51.100.2");
    expect((await patchMaker(editor, kind, shop, "open", opening(kind, { hostname: "other" }))).status).toBe(200);
    const closing = opening(kind, { dnsPolicy: "ClusterFirst", dnsConfig: null });
    expect((await patchMaker(editor, kind, shop, "open", closing)).status).toBe(200);
    expect((await patchMaker(exempter, kind, shop, "closed", opening(kind, servers(host)))).status).toBe(200);
  });

  test.each(living)("%s: one that gets a capture is asked about what it would let through", async (kind) => {
    expect((await admin.send({ method: "GET", path: makerPath(kind, shop, "host") })).status).toBe(200);
    expect(refusal(await patchMaker(editor, kind, shop, "host", opening(kind, { hostNetwork: false })))).toContain(
      host,
    );
  });
});
