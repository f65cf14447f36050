import fc from "fast-check";
import { fieldManager, sidecarFiles } from "#lib/mesh/names.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";

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
/** The data of an osm-config. */
export const fuzzedOsmConfig = fc
  .record({ egress: fc.option(text), others: fc.array(fc.tuple(fc.constantFrom(...keys), text), { maxLength: 6 }) })
  // As from the API server: own keys only, whatever they are called.
  .map(({ egress, others }) => {
    const pairs = [...others, ...(egress === null ? [] : [["egress", egress] as const])];
    return JSON.parse(
      `{${pairs.map((pair) => pair.map((part) => JSON.stringify(part)).join(":")).join(",")}}`,
    ) as Record<string, string>;
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
  fc.stringMatching(/^osm-sidecar\.[a-z]{1,9}$/),
  fc.string(),
);
/** Somebody's ConfigMap; some are of our form. */
export const fuzzedConfigMap = fc
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
