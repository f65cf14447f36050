import type { KubeConnection } from "../../kube/connection.ts";
import { readPods } from "../../kube/pod-reader.ts";
import type { InjectionNamespace } from "../../mesh/injection-rule.ts";
import { CommandError } from "../failure.ts";
import { until } from "../install-checks.ts";
import { type LeftWorkload, podCount } from "../sidecar-owners.ts";

/** For pods that are being deleted: twice what most are given. */
const goingWaitMs = 60_000;
/** Each look lists the pods of the whole cluster. */
const goingLookMs = 2_000;
/** As many namespaces a command line has room for. */
const namedNamespaces = 10;

/** Why the mesh stays, and how it can go. @param members  the mesh's namespaces */
export function refusalOf(
  workloads: readonly LeftWorkload[],
  members: readonly Pick<InjectionNamespace, "name">[],
): CommandError {
  const names = new Set(members.map(({ name }) => name));
  const inMesh = [...new Set(workloads.map(({ namespace }) => namespace))].filter((name) => names.has(name));
  const more = inMesh.length > namedNamespaces ? " …" : "";
  const remove = `osm namespace remove ${inMesh.slice(0, namedNamespaces).join(" ")}${more}`;
  return new CommandError(
    `${podCount(workloads)} pods have a sidecar: without the mesh nobody could change any more what it refuses`,
    [
      ...(inMesh.length === 0 ? [] : [remove]),
      "then give the pods listed above successors without a sidecar, and run osm uninstall again",
      "(what osm inject has printed has the sidecar in its template: apply it as it was before)",
      "or open egress in all of them for good, and leave them: osm uninstall --force",
    ].join("\n    "),
  );
}

/** What is going for longer keeps its ConfigMap, and another run takes that away. */
export async function waitForGoing(connection: KubeConnection, say: (state: string) => void): Promise<void> {
  const isGone = async () => {
    const { length } = await readPods(connection);
    if (length > 0) say(`waiting for ${length} that are being deleted`);
    return length === 0;
  };
  try {
    await until("no pod has a sidecar", isGone, goingWaitMs, goingLookMs);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
}
