import { ScriptedCluster } from "./cluster.ts";
import { runPass } from "./pass.ts";

/** Two accounts in one namespace, three pods, converged and cut a minute ago. */
export async function meshAtRest(egress: "on" | "off" = "off"): Promise<ScriptedCluster> {
  const cluster = new ScriptedCluster();
  cluster.setOsmConfig({ egress: egress === "on" ? "true" : "false", permissive_traffic_policy_mode: "true" });
  cluster.addAccount("shop", "web");
  cluster.addAccount("shop", "db");
  await runPass(cluster);
  // As if the status had been lost: what follows is the first that is said of these pods.
  cluster.rollout = undefined;
  cluster.addPod("shop", "web-1", "web");
  cluster.addPod("shop", "web-2", "web");
  cluster.addPod("shop", "db-1", "db");
  await cluster.clock.pass(5_000);
  await runPass(cluster);
  await cluster.clock.pass(60_000);
  cluster.writes = [];
  cluster.calls.clear();
  return cluster;
}
