import { join } from "node:path";
import type { MeshWorld } from "#test/world/mesh-world.ts";
import { sampleNamespace } from "#test/world/sample-mesh.ts";
import type { Shell } from "./shell.ts";
import { nextSignal } from "./signals.ts";
import { heading, printed, say, tell } from "./terminal.ts";

/** Says how to use the mesh, and returns when it is to be stopped. */
export async function keep({ world, aws }: MeshWorld, { environment }: Shell): Promise<void> {
  const log = (name: string): string => join(world.directory, "logs", name);
  heading("Still up");
  tell("In another terminal:");
  say();
  printed(`export KUBECONFIG=${environment.KUBECONFIG}`);
  printed(`export PATH=${join(world.directory, "bin")}:$PATH`);
  say();
  for (const [command, what] of [
    ["osm egress enable", "flips it, and waits for every sidecar"],
    ["osm egress status -o wide", "who, what, when, how long"],
    ["kubectl get egr -n osm-system -w", "the same, as it changes"],
    [`kubectl exec -it -n ${sampleNamespace} deploy/bookbuyer -c app -- sh`, ""],
    [`   try http http://${world.outside.sites.http.name}/`, "in there"],
    ["kubectl logs -f -n osm-system deploy/osm-forwarder", "the forwarder"],
    [`tail -f ${log("ministack.log")}`, "the function, and the emulator"],
  ] as const) {
    printed(`${command.padEnd(56)} ${what}`.trimEnd());
  }
  say();
  printed(`AWS endpoint ${aws.endpoint}, region ${aws.region}, bus ${aws.busName}; servers' logs ${log("")}`);
  tell(`Ctrl-C here stops it all; from elsewhere: kill ${process.pid}`);
  await nextSignal();
  say();
  say("Stopping …");
}
