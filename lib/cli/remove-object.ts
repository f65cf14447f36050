import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { objectPath } from "../kube/kinds.ts";
import { expectOk, type KubeObject } from "../kube/objects.ts";

/** What names an object. */
export type ObjectRef = Pick<KubeObject, "apiVersion" | "kind" | "metadata">;

/** @returns whether it was there. @throws EgressError when it was, and is not deleted */
export async function removeIfThere(connection: KubeConnection, object: ObjectRef): Promise<boolean> {
  try {
    await expectOk(connection, { method: "DELETE", path: objectPath(object) });
    return true;
  } catch (error) {
    if (error instanceof EgressError && error.reason === "object-missing") return false;
    throw error;
  }
}
