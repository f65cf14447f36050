import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { objectPath } from "../kube/kinds.ts";
import { apply, expectOk, type KubeObject } from "../kube/objects.ts";
import { installManager } from "../mesh/field-manager.ts";
import { differences, restored } from "../rollout/drift/differences.ts";
import { type GuardObject, isGuard } from "../rollout/drift/guard-object.ts";

/**
 * Applies what is installed. Of a guard nothing else is left in it: server-side apply keeps what others have added, and an
 * added condition, selector or subject is what takes its force away.
 */
export async function applyManifest(connection: KubeConnection, object: KubeObject): Promise<void> {
  const path = objectPath(object);
  const send = () => apply(connection, path, object, { manager: installManager });
  const response = await send().catch(async (error: unknown) => {
    if (!isRoleRefChange(object, error)) throw error;
    await expectOk(connection, { method: "DELETE", path });
    return send();
  });
  if (!isGuard(object)) return;
  const stored = JSON.parse(response.text) as GuardObject;
  if (differences(object, stored).length === 0) return;
  await expectOk(connection, {
    method: "PUT",
    path,
    query: { fieldManager: installManager },
    body: restored(object, stored),
  });
}

/** Somebody has made the binding anew, with another role, and what it refers to cannot be changed. */
function isRoleRefChange({ kind }: KubeObject, error: unknown): boolean {
  return kind.endsWith("RoleBinding") && error instanceof EgressError && error.reason === "api-invalid";
}
