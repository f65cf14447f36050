import { expect, test } from "vitest";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass } from "./pass.ts";

const off = { egress: "false", permissive_traffic_policy_mode: "true" };

/** What a drift pass says in the end about a mesh that was on, with this difference. */
async function unmetAfter(arrange: (cluster: ScriptedCluster) => void): Promise<string | undefined> {
  const cluster = await meshAtRest("on");
  arrange(cluster);
  const { kind, unmet } = await runPass(cluster, { kind: "drift" });
  expect(kind).toBe("settled");
  return unmet && `${unmet.type} ${unmet.status} ${unmet.reason}`;
}

test.each<[string, (cluster: ScriptedCluster) => void, string | undefined]>([
  ["a mesh at rest", () => undefined, undefined],
  ["off, and everything is cut", (cluster) => cluster.setOsmConfig(off), undefined],
  [
    "a silent sidecar, which is named and excused",
    (cluster) => {
      cluster.pod("shop/web-2").stopped = true;
      cluster.setOsmConfig(off);
    },
    undefined,
  ],
  [
    "a value that is no boolean",
    (cluster) => cluster.setOsmConfig({ ...off, egress: "ture" }),
    "Accepted False ValueNotBoolean",
  ],
  [
    "a sidecar that refuses its configuration",
    (cluster) => {
      cluster.pod("shop/web-2").rejecting = true;
      cluster.setOsmConfig(off);
    },
    "Converged False SidecarsDiffer",
  ],
  [
    "a connection that no drain ends",
    (cluster) => {
      cluster.pod("shop/web-2").stuckConnections = 1;
      cluster.setOsmConfig(off);
    },
    "EgressCut False Draining",
  ],
])("%s: %j", async (_what, arrange, unmet) => {
  expect(await unmetAfter(arrange)).toBe(unmet);
});
