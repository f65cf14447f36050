import { beforeAll, describe, expect, test } from "vitest";
import { manifests } from "#deploy/manifests.ts";
import { osmConfig } from "#deploy/osm-config.ts";
import { defaults, type Parameters } from "#deploy/parameters.ts";
import { installSteps } from "#lib/cli/install.ts";
import { type InstallOptions, parametersOf } from "#lib/cli/install-options.ts";
import { program } from "#lib/cli/main.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { bodyOf, connectAs, mergePatch, remove } from "./api.ts";

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

/** @returns what each step said */
async function install(
  options: Pick<InstallOptions, "enableEgress" | "enablePermissiveTrafficPolicy" | "strict"> = {},
  parameters: Partial<Parameters> = {},
): Promise<readonly (string | undefined)[]> {
  const all = {
    ...defaults,
    egress: options.enableEgress ?? false,
    permissive: options.enablePermissiveTrafficPolicy ?? false,
    ...parameters,
  };
  const said: (string | undefined)[] = [];
  for (const step of installSteps(admin, all, options)) said.push(await step.run(() => undefined));
  return said;
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
    const versions = async () =>
      Promise.all([...everything, config].map(async (object) => (await stored(object)).metadata.resourceVersion));
    const before = await versions();
    await install();
    expect(await versions()).toEqual(before);
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
    await expect(install({}, { meshName: "other" })).rejects.toThrow("a cluster has one mesh");
    await expect(install({}, { osmNamespace: "elsewhere" })).rejects.toThrow("this cluster has mesh osm in osm-system");
  });

  test("with a bus, the forwarder; without one later, it is left as it is", async () => {
    const bus = {
      eventBusName: "bus",
      clusterName: "shop",
      region: "eu-central-1",
      endpointUrl: "http://10.0.0.1:4566",
    };
    await install({}, { bus });
    const deployment = manifests({ ...defaults, bus }).forwarder.find((object) => object.kind === "Deployment");
    expect(await stored(deployment as KubeObject)).toMatchObject({
      spec: {
        template: {
          spec: { containers: [{ env: expect.arrayContaining([{ name: "OSM_EVENT_BUS_NAME", value: "bus" }]) }] },
        },
      },
    });
    expect((await install()).at(-1)).toBe("left as it is");
    await stored(deployment as KubeObject);
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
    const said = await install({ enableEgress: false });
    expect(await egress()).toBe("false");
    expect(said.join("\n")).toContain("kustomize-controller owns what was changed and may set it back");
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
