import { meshInjectionDefinition } from "#deploy/crds/mesh-injection.ts";
import { meshInjection, osmNamespaceObject } from "#deploy/osm-config.ts";
import type { Parameters } from "#deploy/parameters.ts";
import { type Installation, installationOf } from "#lib/cli/install.ts";
import { type InstallOptions, parametersOf } from "#lib/cli/install-options.ts";
import { readInstalled } from "#lib/cli/installed.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create } from "./api.ts";

export interface Result {
  /** What each step said. */
  readonly said: readonly (string | undefined)[];
  readonly change: ReturnType<Installation["change"]>;
}

/** `osm install` as the command does it, with these flags, by the administrator. */
export async function install(flags: Partial<InstallOptions> = {}, osmNamespace = "osm-system"): Promise<Result> {
  const admin = connectAs("admin");
  const options = { meshName: "osm", output: "yaml", ...flags } as const;
  const parameters = parametersOf(options, osmNamespace, await readInstalled(admin, osmNamespace));
  const installation = installationOf(admin, parameters);
  const said: (string | undefined)[] = [];
  for (const step of installation.steps) said.push(await step.run(() => undefined));
  return { said, change: installation.change() };
}

/** The mesh's namespace and kind MeshInjection alone, once objects of it may be made. */
export async function serveMeshInjection(admin: KubeConnection, parameters: Parameters): Promise<void> {
  await applyAll(admin, [osmNamespaceObject(parameters), meshInjectionDefinition(parameters)]);
  const isServed = async () => (await create(admin, meshInjection(parameters), true)).status !== 404;
  await eventually("the CRD is served", isServed);
}
