import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, type Json } from "#lib/envoy/canonical-json.ts";
import { sidecarConfig } from "#lib/envoy/sidecar-config.ts";
import { inMeshDestinations, type MeshService } from "#lib/mesh/in-mesh.ts";
import { sidecarFiles } from "#lib/mesh/names.ts";
import { type MeshSettings, parseOsmConfig } from "#lib/mesh/osm-config.ts";
import { wantedMesh } from "#lib/rollout/wanted.ts";
import { isFull } from "#test/counts.ts";
import { meshSeen } from "../scripted/world-at-rest.ts";

const numRuns = isFull ? 10_000 : 300;
const octet = fc.nat(255);
const port = fc.integer({ min: 1, max: 65_535 });
const service: fc.Arbitrary<MeshService> = fc.record({
  namespace: fc.constant("shop"),
  name: fc.string({ minLength: 1, maxLength: 4 }),
  type: fc.constantFrom("ClusterIP", "NodePort", "ExternalName"),
  clusterIP: fc.oneof(
    fc.tuple(octet, octet).map(([high, low]) => `10.96.${high}.${low}`),
    fc.constantFrom("None", ""),
  ),
  hasSelector: fc.boolean(),
  ports: fc.uniqueArray(port, { maxLength: 4 }),
});
const services = fc.uniqueArray(service, { maxLength: 12, selector: ({ clusterIP }) => clusterIP });
const cidr = fc.tuple(octet, octet, fc.integer({ min: 0, max: 32 })).map(([a, b, bits]) => `${a}.${b}.0.0/${bits}`);
const settings = fc.record({ permissive: fc.boolean(), inMeshCidrs: fc.uniqueArray(cidr, { maxLength: 4 }) });

test("equal meshes give equal bytes, whatever order they are seen in", () => {
  fc.assert(
    fc.property(services, settings, fc.boolean(), fc.infiniteStream(fc.nat()), (services, settings, egress, keys) => {
      const parsed = parseOsmConfig({ in_mesh_ip_ranges: settings.inMeshCidrs.join(",") }).settings.inMeshCidrs;
      const mesh = { ...settings, inMeshCidrs: parsed };
      const shuffled = services
        .map((one) => ({ one: { ...one, ports: [...one.ports].reverse() }, key: keys.next().value }))
        .sort((left, right) => left.key - right.key)
        .map(({ one }) => one);
      const bytes = (services: readonly MeshService[], ranges: readonly string[]) =>
        sidecarConfig({ egress, destinations: inMeshDestinations(services, { ...mesh, inMeshCidrs: ranges }) });
      expect(bytes(shuffled, [...parsed].reverse())).toEqual(bytes(services, parsed));
    }),
    { numRuns },
  );
});

test("the digest differs exactly where the bytes do, and every file carries it", () => {
  const mesh = fc.record({ services, settings, egress: fc.boolean() });
  fc.assert(
    fc.property(mesh, mesh, (...meshes) => {
      const [one, other] = meshes.map(({ services, settings, egress }) =>
        sidecarConfig({ egress, destinations: inMeshDestinations(services, settings) }),
      );
      if (!one || !other) throw new Error("two meshes");
      expect(one.digest === other.digest).toBe(sidecarFiles.every((file) => one.files[file] === other.files[file]));
      for (const file of sidecarFiles) expect(JSON.parse(one.files[file])).toMatchObject({ version_info: one.digest });
    }),
    { numRuns },
  );
});

test("canonical JSON: the same value, the same text; the text is the value; in any order", () => {
  const reordered = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(reordered);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, inner]) => [key, reordered(inner as Json)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
      const text = canonicalJson(value as Json);
      expect(canonicalJson(reordered(value as Json))).toBe(text);
      expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
      expect(text).toBe(text.trim());
    }),
    { numRuns },
  );
});

test("no text in osm-config changes a sidecar's bytes but a good one: bad keys keep the last good", () => {
  const last: MeshSettings = {
    ...parseOsmConfig({ egress: "true" }).settings,
    permissive: true,
    inMeshCidrs: ["10.244.0.0/16"],
  };
  const running = { egress: true, permissive: last.permissive, inMeshCidrs: last.inMeshCidrs };
  // Said here anew: what the product takes for good must not decide what it is tried with.
  const good = /^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False|[\d./,\s]*)$/;
  const bad = fc.string({ unit: "binary", maxLength: 80 }).filter((text) => !good.test(text));
  const web: MeshService = {
    namespace: "shop",
    name: "web",
    type: "ClusterIP",
    clusterIP: "10.96.0.20",
    hasSelector: true,
    ports: [80],
  };
  const seen = meshSeen({ services: [web], running });
  const bytes = (text: string, others: Readonly<Record<string, string>>) =>
    wantedMesh({
      ...seen,
      osmConfig: {
        uid: "1",
        resourceVersion: "2",
        egressManager: undefined,
        data: { ...others, egress: text, permissive_traffic_policy_mode: text, in_mesh_ip_ranges: text },
      },
    });
  const expected = wantedMesh({ ...seen, osmConfig: undefined });
  fc.assert(
    fc.property(bad, fc.dictionary(fc.string({ maxLength: 20 }), fc.string({ unit: "binary" })), (text, others) => {
      const wanted = bytes(text, others);
      expect(wanted.accepted).toBe(false);
      expect(wanted.target).toEqual(expected.target);
      expect([...wanted.configs.values()]).toEqual([...expected.configs.values()]);
    }),
    { numRuns },
  );
});
