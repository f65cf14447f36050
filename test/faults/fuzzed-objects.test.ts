import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeSidecarConfigMap } from "#lib/kube/sidecar-config-map.ts";
import { annotations, labels, sidecarFiles } from "#lib/mesh/names.ts";
import { parseOsmConfig } from "#lib/mesh/osm-config.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import { isFull } from "#test/counts.ts";
import { egressIn } from "#test/parse-bool.ts";
import { meshAtRest } from "../scripted/mesh.ts";
import { runPass } from "../scripted/pass.ts";
import { fuzzedConfigMap, fuzzedOsmConfig } from "./fuzz/objects.ts";

/** Of osm-configs and of other people's ConfigMaps, together. */
const objects = isFull ? 5_000 : 250;

test(`${objects / 2} fuzzed osm-configs: what is no boolean moves nothing, what cannot be used is named, and all sidecars run alike`, {
  timeout: 600_000,
}, async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("on" as const, "off" as const), fuzzedOsmConfig, async (from, fuzzed) => {
      const cluster = await meshAtRest(from);
      cluster.setOsmConfig(fuzzed);
      expect((await runPass(cluster)).kind).toBe("settled");
      const said = egressIn(fuzzed);
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

test(`${objects / 2} fuzzed ConfigMaps of others: what is none of ours is not taken for one, and the mesh goes where osm-config says`, {
  timeout: 600_000,
}, async () => {
  let ours = 0;
  await fc.assert(
    fc.asyncProperty(fuzzedConfigMap, fc.boolean(), async (raw, egress) => {
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
