import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { busOf, type ForwarderDeployment } from "#deploy/forwarder.ts";
import { manifests } from "#deploy/manifests.ts";
import { egressRollout, meshInjection, osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { isListed } from "#lib/cli/install-checks.ts";
import { type InstallOptions, parametersOf } from "#lib/cli/install-options.ts";
import { program } from "#lib/cli/main.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { objectName } from "#lib/rollout/drift/guard-object.ts";
import { applyAll, bodyOf, connectAs, create, mergePatch, remove } from "./api.ts";
import { install } from "./installation.ts";

const admin = connectAs("admin");

interface Stored extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

async function stored(object: KubeObject): Promise<Stored> {
  const response = await admin.send({ method: "GET", path: objectPath(object) });
  expect([object.kind, object.metadata.name, response.status]).toEqual([object.kind, object.metadata.name, 200]);
  return bodyOf<Stored>(response);
}

const { strict, ...always } = manifests(defaults);
const everything: readonly KubeObject[] = Object.values(always).flat();
const config = osmConfig(defaults);

describe("osm install on an API server", () => {
  beforeAll(async () => {
    await remove(admin, config);
    await install();
  });

  test("everything is there", async () => {
    for (const object of everything) await stored(object);
  });

  test("a second run changes nothing", async () => {
    const look = async () => Promise.all([...everything, config].map(stored));
    const contents = (objects: readonly Stored[]) =>
      objects.map((object) => ({
        ...object,
        metadata: { ...object.metadata, managedFields: undefined, resourceVersion: undefined },
      }));
    const versions = (objects: readonly Stored[]) =>
      objects.map((object) => [objectName(object), object.metadata.resourceVersion]);
    const first = await look();
    // Managers stand in the order of the seconds in which they wrote. Another file's of this same second would give its place
    // to this one's next apply, which is a write; an apply in a later second is last for good.
    await sleep(1_000);
    await install();
    const second = await look();
    expect(contents(second)).toEqual(contents(first));
    await install();
    expect(versions(await look())).toEqual(versions(second));
  });

  test("what discovery lists is told by group and kind", async () => {
    const [{ spec }] = manifests(defaults).definitions as unknown as readonly [Parameters<typeof isListed>[1]];
    expect(await isListed(admin, { spec })).toBe(true);
    expect(await isListed(admin, { spec: { ...spec, names: { plural: "nothings" } } })).toBe(false);
    expect(await isListed(admin, { spec: { ...spec, group: "apps" } })).toBe(false);
  });

  test("strict mode is turned on and off by its flag, and left alone without", async () => {
    const there = async () => {
      const found = await Promise.all(strict.map((object) => admin.send({ method: "GET", path: objectPath(object) })));
      return found.map((response) => response.status);
    };
    expect(await there()).toEqual([404, 404]);
    await install({ strict: true });
    await install();
    expect(await there()).toEqual([200, 200]);
    await install({ strict: false });
    await install({ strict: false });
    expect(await there()).toEqual([404, 404]);
  });

  test("a second mesh is refused", async () => {
    await expect(install({ meshName: "other" })).rejects.toThrow("a cluster has one mesh");
    await expect(install({}, "elsewhere")).rejects.toThrow("this cluster has mesh osm in namespace osm-system");
  });

  test("strict mode that is on is brought up to date without its flag", async () => {
    const [policy] = strict;
    if (!policy) throw new Error("no policy");
    await install({ strict: true });
    await mergePatch(admin, policy, { spec: { validations: [{ expression: "true" }] } });
    await install();
    expect((await stored(policy))["spec"]).toMatchObject(policy["spec"] as object);
    await install({ strict: false });
  });

  test("a namespace that is there keeps its labels", async () => {
    const namespace = manifests(defaults).namespace;
    await mergePatch(admin, namespace, {
      metadata: { labels: { "pod-security.kubernetes.io/enforce": "privileged" } },
    });
    await install();
    expect((await stored(namespace)).metadata["labels"]).toMatchObject({
      "pod-security.kubernetes.io/enforce": "privileged",
    });
  });
});

describe("what a later installation keeps", () => {
  const injection = meshInjection(defaults);
  const image = async () => (await stored(injection))["spec"];
  const from = (registry: string) => ({ images: { sidecar: registry + defaults.images.sidecar } });
  const deployment = manifests({ ...defaults, bus: { eventBusName: "", clusterName: "", region: "" } }).forwarder.find(
    (object) => object.kind === "Deployment",
  ) as KubeObject;
  const forwarder = async () => (await stored(deployment)) as unknown as Stored & ForwarderDeployment;
  const bus = { eventBusName: "bus", clusterName: "shop", region: "eu-central-1" };
  const flags = { ...bus, awsEndpointUrl: "http://10.0.0.1:4566", forwarderCredentialsSecret: "keys" };

  test("the registry of the sidecar's image", async () => {
    await install({ imageRegistry: "registry.example.com/team" });
    await install();
    expect(await image()).toMatchObject(from("registry.example.com/team/"));
    await install({ imageRegistry: "elsewhere" });
    expect(await image()).toMatchObject(from("elsewhere/"));
  });

  test("the registry also when the MeshInjection was lost", async () => {
    await install({ imageRegistry: "registry.example.com/team" });
    await remove(admin, injection);
    await install();
    expect(await image()).toMatchObject(from("registry.example.com/team/"));
  });

  test("nothing of an image by another name: it is refused, and nothing has changed", async () => {
    await mergePatch(admin, injection, { spec: { images: { sidecar: "mine/proxy:1" } } });
    await expect(install()).rejects.toThrow("the mesh has image mine/proxy:1");
    expect(await image()).toMatchObject({ images: { sidecar: "mine/proxy:1" } });
    await install({ imageRegistry: "" });
    expect(await image()).toMatchObject(from(""));
  });

  test("the forwarder's settings, while its image is this version's", async () => {
    await install(flags);
    const older = {
      op: "replace",
      path: "/spec/template/spec/containers/0/image",
      value: "osm-egress/forwarder:0.0.1",
    };
    await admin.send({
      method: "PATCH",
      path: objectPath(deployment),
      contentType: "application/json-patch+json",
      body: [older],
    });
    await install({ imageRegistry: "registry.example.com/team" });
    const after = await forwarder();
    expect(after.spec.template.spec.containers).toMatchObject([
      { image: `registry.example.com/team/${defaults.images.forwarder}` },
    ]);
    expect(busOf(after)).toEqual({ ...bus, endpointUrl: flags.awsEndpointUrl, credentialsSecret: "keys" });
    await install({ imageRegistry: "" });
  });

  test("of the forwarder's settings, those that are not given again", async () => {
    await install(flags);
    await install({ ...bus, eventBusName: "other" });
    expect(busOf(await forwarder())).toEqual({
      ...bus,
      eventBusName: "other",
      endpointUrl: flags.awsEndpointUrl,
      credentialsSecret: "keys",
    });
    await install({ forwarderCredentialsSecret: "", awsEndpointUrl: "" });
    expect(busOf(await forwarder())).toEqual({ ...bus, eventBusName: "other" });
  });

  test("a Deployment of that name without these settings is left as it is", async () => {
    await remove(admin, deployment);
    const container = { name: "mine", image: "mine:1" };
    const template = { metadata: { labels: { a: "b" } }, spec: { containers: [container] } };
    await create(admin, { ...deployment, spec: { selector: { matchLabels: { a: "b" } }, template } });
    expect((await install()).said.at(-1)).toBe("left as it is");
    expect((await forwarder()).spec.template.spec.containers).toMatchObject([container]);
    await remove(admin, deployment);
    expect((await install()).said.at(-1)).toContain("none; give --event-bus-name");
  });
});

describe("osm-config is its owner's", () => {
  const egress = async () => (await stored(config)).data?.["egress"];

  test.each([
    [{}, "false"],
    [{ enableEgress: true }, "true"],
    [{ enableEgress: false }, "false"],
  ])("a first installation with %j has egress %j", async (options, wanted) => {
    await remove(admin, config);
    await install(options);
    expect(await egress()).toBe(wanted);
  });

  test("without the flag an existing value stays, whoever set it and however it is spelled", async () => {
    await remove(admin, config);
    await install({ enableEgress: true });
    await install();
    expect(await egress()).toBe("true");
    await mergePatch(admin, config, { data: { egress: "T", other: "kept" } });
    await install({ enablePermissiveTrafficPolicy: true });
    expect((await stored(config)).data).toEqual({ egress: "T", permissive_traffic_policy_mode: "true", other: "kept" });
  });

  test("with the flag it is set, and who else owns it is named", async () => {
    await admin.send({
      method: "PATCH",
      path: objectPath(config),
      query: { fieldManager: "kustomize-controller", force: true },
      contentType: "application/apply-patch+yaml",
      body: { ...config, data: { egress: "true" } },
    });
    const { said } = await install({ enableEgress: false });
    expect(await egress()).toBe("false");
    expect(said.join("\n")).toContain("also kept by kustomize-controller, which may set it back");
  });
});

describe("what has to be waited for", () => {
  const rollout = egressRollout(defaults);

  /** As the first pass leaves it behind. */
  async function takenUp(): Promise<void> {
    const status = { target: { digest: "d", egress: false } };
    const path = `${objectPath(rollout)}/status`;
    const contentType = "application/merge-patch+json";
    expect((await admin.send({ method: "PATCH", path, contentType, body: { status } })).status).toBe(200);
  }

  test("nothing in a mesh that no pass has taken up", async () => {
    await remove(admin, rollout);
    await remove(admin, config);
    expect((await install({ enableEgress: true })).change).toBeUndefined();
    expect((await install({ enableEgress: false })).change).toBeUndefined();
  });

  test("a changed value, and nothing else", async () => {
    await applyAll(admin, [rollout]);
    await takenUp();
    expect((await install()).change).toBeUndefined();
    expect((await install({ enableEgress: false })).change).toBeUndefined();
    const { change } = await install({ enableEgress: true });
    expect(change).toEqual({ egress: true, resourceVersion: (await stored(config)).metadata.resourceVersion });
  });

  test("an osm-config that was lost and is made again", async () => {
    await remove(admin, config);
    const { change } = await install();
    expect(change).toEqual({ egress: false, resourceVersion: (await stored(config)).metadata.resourceVersion });
    await remove(admin, rollout);
  });
});

describe("flags as the shell passes them", () => {
  async function parsed(...args: string[]): Promise<InstallOptions> {
    const command = program();
    const install = command.commands.find((one) => one.name() === "install");
    if (!install) throw new Error("no install command");
    let options: InstallOptions | undefined;
    install.action((given: InstallOptions) => {
      options = given;
    });
    await command.parseAsync(["node", "osm", "install", ...args]);
    if (!options) throw new Error("the command did not run");
    return options;
  }

  test.each([
    [["--enable-egress"], true],
    [["--enable-egress=true"], true],
    [["--enable-egress=false"], false],
    [["--enable-egress", "false"], false],
    [["--enable-egress=F"], false],
    [[], undefined],
  ])("%j", async (args, wanted) => {
    expect((await parsed(...args)).enableEgress).toBe(wanted);
  });

  test("--image-registry goes before both images", async () => {
    const { images } = parametersOf(await parsed("--image-registry", "registry.example.com/team/"), "osm-system");
    expect(images.sidecar).toMatch(/^registry\.example\.com\/team\/osm-egress\/sidecar:/);
    expect(images.forwarder).toMatch(/^registry\.example\.com\/team\/osm-egress\/forwarder:/);
  });

  test("a bus by halves is refused", async () => {
    const options = await parsed("--event-bus-name", "bus");
    expect(() => parametersOf(options, "osm-system")).toThrow("--event-bus-name, --cluster-name and --region together");
  });
});
