import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "#lib/envoy/canonical-json.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { ensureEnvoy } from "../../tools/setup/envoy.ts";
import { policies } from "./policies.ts";

type Resource = { readonly [field: string]: Json };
interface Golden {
  readonly "cds.json": { readonly resources: readonly Resource[] };
  readonly "lds.json": { readonly resources: readonly Resource[] };
  readonly "rds.json": { readonly resources: readonly Resource[] };
}

let envoy: string;
let directory: string;
beforeAll(async () => {
  envoy = await ensureEnvoy();
  directory = await mkdtemp(join(tmpdir(), "osm-golden-"));
}, 600_000);
afterAll(() => rm(directory, { recursive: true }));

async function golden(name: string): Promise<Golden> {
  return JSON.parse(await readFile(join(import.meta.dirname, "sidecars", `${name}.json`), "utf8")) as Golden;
}

/** Envoy does not open xDS files to validate them: their resources are copied into a bootstrap, where no type stands. */
function staticBootstrap(config: Golden, routes: readonly Resource[] = config["rds.json"].resources): Json {
  const untyped = (resources: readonly Resource[]) =>
    resources.map((resource) => Object.fromEntries(Object.entries(resource).filter(([field]) => field !== "@type")));
  return {
    static_resources: {
      clusters: untyped(config["cds.json"].resources),
      listeners: [...untyped(config["lds.json"].resources), routesListener(untyped(routes))],
    },
  };
}

/** No chain refers to the RouteConfiguration yet; here one does, so that it is looked at. */
function routesListener([route_config = {}]: readonly Resource[]): Resource {
  return {
    name: "routes",
    address: { socket_address: { address: "127.0.0.1", port_value: 15002 } },
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              stat_prefix: "routes",
              route_config,
              http_filters: [
                {
                  name: "envoy.filters.http.router",
                  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

async function validate(name: string, bootstrap: Json): Promise<string> {
  const path = join(directory, `${name}.json`);
  await writeFile(path, JSON.stringify(bootstrap));
  const { stdout, stderr } = await promisify(execFile)(envoy, ["--mode", "validate", "-l", "error", "-c", path]);
  return stdout + stderr;
}

describe("Envoy finds nothing wrong with", () => {
  test.each(Object.keys(policies))("%s", async (name) => {
    expect(await validate(name, staticBootstrap(await golden(name)))).toMatch(/OK\s*$/);
  });

  test("the bootstrap", async () => {
    const text = (await readFile(join(import.meta.dirname, "sidecars/bootstrap.json"), "utf8")).replaceAll(
      sidecar.mountPath,
      directory,
    );
    // They must be there, and are not opened.
    for (const file of ["cds.json", "lds.json"]) await writeFile(join(directory, file), "");
    expect(await validate("bootstrap", JSON.parse(text) as Json)).toMatch(/OK\s*$/);
  });
});

describe("Envoy refuses", () => {
  const broken: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ["an unknown field", (text) => text.replace(`"stat_prefix"`, `"stat_prefux"`), /stat_prefux/],
    ["an unknown type", (text) => text.replaceAll("StdoutAccessLog", "StdinAccessLog"), /StdinAccessLog/],
    ["a range that is none", (text) => text.replace(`"10.244.0.0"`, `"10.244.0.x"`), /malformed IP/],
    [
      "a route without a virtual host's name",
      (text) => text.replace(`"virtual_hosts":[]`, `"virtual_hosts":[{}]`),
      /Name/,
    ],
  ];

  test.each(broken)("%s", async (name, spoil, complaint) => {
    const text = JSON.stringify(await golden("off-permissive-ranges"));
    const spoilt = spoil(text);
    expect(spoilt).not.toBe(text);
    await expect(validate(name.replaceAll(" ", "-"), staticBootstrap(JSON.parse(spoilt) as Golden))).rejects.toThrow(
      complaint,
    );
  });
});
