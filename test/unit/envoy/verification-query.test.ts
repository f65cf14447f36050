import { expect, test } from "vitest";
import { parseAnswer } from "#lib/envoy/verification-query.ts";

const digest = "591b57e8ed32f1fce3c86615fe68ce2c";

/** As Envoy 1.40.0 gave it 5 ms after egress was turned off, with one connection open. */
const envoys: Readonly<Record<string, string | number>> = {
  "cluster_manager.cds.version_text": digest,
  "listener_manager.lds.version_text": digest,
  "cluster.passthrough-outbound.upstream_cx_active": 1,
  "cluster_manager.cds.update_failure": 0,
  "cluster_manager.cds.update_rejected": 0,
  "listener_manager.lds.update_failure": 0,
  "listener_manager.lds.update_rejected": 0,
  "listener_manager.total_filter_chains_draining": 1,
  "listener_manager.total_listeners_draining": 0,
};

function answer(difference: Readonly<Record<string, string | number | undefined>>): string {
  const stats = Object.entries({ ...envoys, ...difference }).filter(([, value]) => value !== undefined);
  return JSON.stringify({ stats: stats.map(([name, value]) => ({ name, value })) });
}

const says = { listeners: digest, clusters: digest, refusedUpdates: 0, draining: 1, openEgress: 1 };

test.each([
  ["as it is", {}, {}],
  ["before the first update", { "listener_manager.lds.version_text": "" }, { listeners: "" }],
  ["routes subscribed", { "http.in-mesh.rds.in-mesh.version_text": "r" }, { routes: "r" }],
  ["a rejected listener", { "listener_manager.lds.update_rejected": 2 }, { refusedUpdates: 2 }],
  ["a file that was no JSON", { "cluster_manager.cds.update_failure": 1 }, { refusedUpdates: 1 }],
  ["rejected routes", { "http.in-mesh.rds.in-mesh.update_rejected": 1 }, { refusedUpdates: 1 }],
  [
    "both kinds",
    { "listener_manager.lds.update_rejected": 2, "cluster_manager.cds.update_failure": 1 },
    { refusedUpdates: 3 },
  ],
  ["a whole listener draining", { "listener_manager.total_listeners_draining": 1 }, { draining: 2 }],
  ["no passthrough cluster", { "cluster.passthrough-outbound.upstream_cx_active": undefined }, { openEgress: 0 }],
  ["another cluster's connections", { "cluster.in-mesh.upstream_cx_active": 9 }, {}],
])("Envoy's answer, %s", (_, difference, expected) => {
  expect(parseAnswer(answer(difference))).toEqual({ ...says, ...expected });
});

test.each([
  "",
  "{}",
  "null",
  `"stats"`,
  `{"stats":{}}`,
  `{"stats":[]}`,
  "<html>404</html>",
  answer({ "listener_manager.lds.version_text": undefined }),
  answer({ "cluster_manager.cds.version_text": undefined }),
  answer({ "listener_manager.lds.version_text": 7 }),
])("%j is no sidecar's answer", (text) => expect(parseAnswer(text)).toBeUndefined());
