import { EgressError } from "../../errors.ts";
import type { KubeConnection } from "../../kube/connection.ts";
import { objectPath } from "../../kube/kinds.ts";
import { expectOk } from "../../kube/objects.ts";
import { lastGoodPrefix, type MeshPlace } from "../../mesh/names.ts";
import type { ObjectRef } from "../remove-object.ts";
import { meshLeases } from "./removal.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Asks the API server whether it would delete each object, without doing so: what is opened, or half removed, before the
 * first refusal would be nobody's.
 *
 * @throws EgressError of the first, in the order in which they go, that is refused
 */
export async function checkMayRemove(
  connection: KubeConnection,
  place: MeshPlace,
  { inventory, hasNamespace }: Pick<Surroundings, "inventory" | "hasNamespace">,
): Promise<void> {
  const objects = [...Object.values(inventory.byStage).flat(), ...(hasNamespace ? whatPassesLeave(place) : [])];
  const answers = await Promise.all(objects.map((object) => refusalOf(connection, object)));
  const [first] = answers.filter((answer) => answer !== undefined);
  if (first) throw first;
}

/** By name, whether they are there or not: without the right the answer is a refusal either way. */
function whatPassesLeave(place: MeshPlace): readonly ObjectRef[] {
  const metadata = { name: `${lastGoodPrefix}osm-check`, namespace: place.osmNamespace };
  return [{ apiVersion: "v1", kind: "ConfigMap", metadata }, ...meshLeases(place)];
}

async function refusalOf(connection: KubeConnection, object: ObjectRef): Promise<EgressError | undefined> {
  try {
    await expectOk(connection, { method: "DELETE", path: objectPath(object), query: { dryRun: "All" } });
    return undefined;
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    // Gone since it was found is as good as removed.
    return error.reason === "object-missing" ? undefined : error;
  }
}
