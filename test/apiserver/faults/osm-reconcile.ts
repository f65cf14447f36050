import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startChild } from "./child.ts";
import type { Rig } from "./rig.ts";

/** `osm reconcile`, as an administrator runs it, past the proxy. @throws when it fails */
export async function osmReconcile({ server, built, home }: Rig, ...flags: readonly string[]): Promise<void> {
  const kubeconfig = join(home, "admin.kubeconfig");
  const authority = Buffer.from(server.certificateAuthority).toString("base64");
  const contents = {
    clusters: [{ name: "c", cluster: { server: server.url, "certificate-authority-data": authority } }],
    users: [{ name: "admin", user: { token: server.tokens["admin"] } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "admin" } }],
    "current-context": "c",
  };
  writeFileSync(kubeconfig, JSON.stringify(contents), { mode: 0o600 });
  const child = startChild([built.osm, "reconcile", ...flags, "--kubeconfig", kubeconfig], {});
  const [code] = (await once(child.process, "exit")) as [number | null];
  if (code !== 0) throw new Error(`osm reconcile ${flags.join(" ")}: exit ${code}\n${child.said.join("\n")}`);
}
