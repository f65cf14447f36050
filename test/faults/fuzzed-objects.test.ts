import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeSidecarConfigMap } from "#lib/kube/sidecar-config-map.ts";
import { parseBoolean } from "#lib/mesh/boolean.ts";
import { annotations, fieldManager, labels, sidecarFiles } from "#lib/mesh/names.ts";
import { parseOsmConfig } from "#lib/mesh/osm-config.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import { isFull } from "#test/world/counts.ts";
import { meshAtRest } from "../scripted/mesh.ts";
import { runPass } from "../scripted/pass.ts";

/** Of osm-configs and of other people's ConfigMaps, together. */
const objects = isFull ? 5_000 : 250;

const keys = [
  "permissive_traffic_policy_mode",
  "outbound_ip_range_exclusion_list",
  "outbound_port_exclusion_list",
  "in_mesh_ip_ranges",
  "envoy_log_level",
  "sidecar_cpu_request",
  "sidecar_memory_request",
  "sidecar_memory_limit",
  "__proto__",
  "constructor",
  "tracing_enable",
] as const;
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "true",
    "0",
    " true",
    "tRUE",
    "yes",
    "",
    "10.0.0.0/8",
    "10.0.0.0/33",
    "::/0",
    "80,443",
    "80,,",
    "70000",
  ),
  fc.constantFrom("100m", "-1", "1e400", "9".repeat(400), "128Mi", "debug", "{}", "null", "\u0000", "\ud800"),
);
const data = fc
  .record({ egress: fc.option(text), others: fc.array(fc.tuple(fc.constantFrom(...keys), text), { maxLength: 6 }) })
  // As from the API server: own keys only, whatever they are called.
  .map(({ egress, others }) => {
    const pairs = [...others, ...(egress === null ? [] : [["egress", egress] as const])];
    return JSON.parse(
      `{${pairs.map((pair) => pair.map((part) => JSON.stringify(part)).join(":")).join(",")}}`,
    ) as Record<string, string>;
  });

test(`${objects / 2} fuzzed osm-configs: what is no boolean moves nothing, what cannot be used is named, and all sidecars run alike`, {
  timeout: 600_000,
}, async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("on" as const, "off" as const), data, async (from, fuzzed) => {
      const cluster = await meshAtRest(from);
      cluster.setOsmConfig(fuzzed);
      expect((await runPass(cluster)).kind).toBe("settled");
      const said = parseBoolean(Object.hasOwn(fuzzed, "egress") ? (fuzzed["egress"] ?? "") : "");
      const wanted = said === undefined ? from : said ? "on" : "off";
      expect(cluster.reality).toEqual([`shop/db-1 ${wanted}`, `shop/web-1 ${wanted}`, `shop/web-2 ${wanted}`]);
      expect(new Set([...cluster.pods.values()].map(({ runs }) => runs)).size).toBe(1);
      const accepted = conditionOf(cluster.status, "Accepted");
      expect(accepted?.status).toBe(said === undefined ? "False" : "True");
      for (const { key } of parseOsmConfig(fuzzed).problems) {
        expect(accepted?.message).toContain(key);
        refused++;
      }
      for (const { files } of cluster.configMaps.values()) {
        for (const file of sidecarFiles) expect(JSON.parse(files[file] ?? "")).toHaveProperty("version_info");
      }
    }),
    { numRuns: objects / 2 },
  );
  expect(refused).toBeGreaterThan(objects / 4);
});

const name = fc.oneof(
  fc.constantFrom(
    "osm-sidecar.web",
    "osm-sidecar.db",
    "osm-sidecar.",
    "osm-config",
    "osm-sidecar.web.x",
    "kube-root-ca.crt",
  ),
  fc.string(),
);
const rawConfigMap = fc
  .record({
    namespace: fc.constantFrom("shop", "elsewhere"),
    name,
    account: fc.option(fc.oneof(fc.constantFrom("web", "db", "other", ""), fc.string())),
    fencing: fc.option(fc.oneof(fc.constantFrom("1", "-1", "1e9", "99999999999", "NaN", " 3 ", "0x10"), fc.string())),
    settings: fc.option(
      fc.oneof(fc.constantFrom("{}", "null", '{"egress":true}', '{"egress":"true"}'), fc.json(), fc.string()),
    ),
    files: fc.dictionary(fc.oneof(fc.constantFrom(...sidecarFiles), fc.string()), fc.oneof(fc.json(), text), {
      maxKeys: 4,
    }),
    manager: fc.constantFrom(fieldManager, "kubectl", ""),
    fields: fc.oneof(
      fc.constant({ "f:data": { "f:lds.json": {} } }),
      fc.dictionary(fc.string(), fc.object({ maxDepth: 2 })),
    ),
    time: fc.constantFrom("2026-11-01T12:00:00Z", "never", ""),
    immutable: fc.boolean(),
    /** By its name and account it is the one that a sidecar would mount. */
    isLikeOurs: fc.boolean(),
  })
  .map(({ isLikeOurs, ...raw }) => ({
    ...raw,
    name: isLikeOurs && raw.account !== null ? sidecarConfigName(raw.account) : raw.name,
  }));

test(`${objects / 2} fuzzed ConfigMaps of others: what is none of ours is not taken for one, and the mesh goes where osm-config says`, {
  timeout: 600_000,
}, async () => {
  let ours = 0;
  await fc.assert(
    fc.asyncProperty(rawConfigMap, fc.boolean(), async (raw, egress) => {
      const said = Object.entries({
        [annotations.account]: raw.account,
        [annotations.fencing]: raw.fencing,
        [annotations.settings]: raw.settings,
      }).filter(([, value]) => value !== null);
      const managedFields = [{ manager: raw.manager, operation: "Update", time: raw.time, fieldsV1: raw.fields }];
      const decoded = decodeSidecarConfigMap({
        metadata: {
          ...{ namespace: raw.namespace, name: raw.name, resourceVersion: "77" },
          ...{ labels: { [labels.sidecarConfig]: "osm" }, annotations: Object.fromEntries(said), managedFields },
        },
        data: raw.files,
        ...(raw.immutable ? { immutable: true } : {}),
      });
      expect(decoded !== undefined).toBe(raw.account !== null && raw.name === sidecarConfigName(raw.account));
      const cluster = await meshAtRest();
      cluster.namespaces.set("elsewhere", "unlabelled");
      if (decoded) {
        ours++;
        cluster.storeConfigMap(decoded);
      }
      cluster.setOsmConfig({ egress: String(egress), permissive_traffic_policy_mode: "true" });
      // One pass may leave to the next what was altered, and one that proves it.
      for (let pass = 0; pass < 2; pass++) expect((await runPass(cluster, { kind: "drift" })).kind).toBe("settled");
      const mode = egress ? "on" : "off";
      expect(cluster.reality).toEqual([`shop/db-1 ${mode}`, `shop/web-1 ${mode}`, `shop/web-2 ${mode}`]);
      expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
    }),
    { numRuns: objects / 2 },
  );
  expect(ours).toBeGreaterThan(objects / 20);
});
