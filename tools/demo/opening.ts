import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { isOn, podsWithinMs } from "#test/world/expect-status.ts";
import { sampleMesh, sampleNamespace, untilServed } from "#test/world/sample-mesh.ts";
import { reachInMesh, reachOut } from "./reach.ts";
import type { Stage } from "./stage.ts";
import { heading, tell } from "./terminal.ts";

/** Six pods of three service accounts, in permissive mode, verified. */
export async function theMesh({ mesh, shell, checks }: Stage): Promise<void> {
  heading("1  The mesh");
  tell(
    "osm install brings definitions, policies and RBAC. Its only pod watches, and turns changes into events on a bus; nothing in the cluster calls it.",
  );
  await mesh.prepareInstall();
  await shell.type(
    ["osm install --enable-permissive-traffic-policy", ...inTwos(mesh.forwarderFlags)].join(" \\\n    "),
  );

  tell("Three service accounts, two pods each. Pods of the namespace get a sidecar when they are created.");
  const objects = sampleMesh().filter((object) => !("kind" in object && object.kind === "Namespace"));
  await writeFile(join(mesh.world.directory, "bookstore.yaml"), objects.map((each) => stringify(each)).join("---\n"));
  await shell.type(`kubectl create namespace ${sampleNamespace}`);
  await shell.type(`osm namespace add ${sampleNamespace}`);
  await shell.type("kubectl apply -f bookstore.yaml");
  await shell.type(`kubectl wait deployment --all -n ${sampleNamespace} --for=condition=Available --timeout=90s`);
  const pods = await shell.type(`kubectl get pods -n ${sampleNamespace}`);
  checks.expect((pods.text.match(/\b2\/2\b/g) ?? []).length === 6, "Six pods, each with its sidecar: 2/2.");
  const status = await mesh.untilStatus("6 of 6", (it) => isOn(it, false) && it.sidecars?.verified === 6, podsWithinMs);
  await untilServed(mesh);
  checks.expect(status.sidecars?.total === 6, "Every sidecar was asked what it runs: 6 of 6 run what osm-config says.");
}

/** Flags with their values, two pairs on a line. */
function inTwos(flags: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (let start = 0; start < flags.length; start += 4) lines.push(flags.slice(start, start + 4).join(" "));
  return lines;
}

export async function off({ mesh, shell, checks }: Stage): Promise<void> {
  heading("2  Egress is off");
  tell(
    "From a pod of the mesh the outside is out of reach, whatever the protocol. Other Services of the mesh are not.",
  );
  await mesh.world.outside.forget();
  const pod = await shell.enter(sampleNamespace, "bookbuyer");
  const out = await reachOut(mesh, pod);
  checks.expect(out.length === 0, "HTTP, TLS, TCP and UDP to the outside are refused.");
  const arrivals = await mesh.world.outside.arrivals();
  checks.expect(arrivals.length === 0, "The sites outside count what arrives: nothing did.");
  checks.expect(await reachInMesh(pod), "In-mesh Services answer.");
  pod.leave();
}
