import type { Guards } from "#lib/kube/survey-reader.ts";
import type { MeshPlace } from "#lib/mesh/names.ts";
import { images } from "./images.ts";
import { manifests } from "./manifests.ts";
import { forwarderAccess } from "./rbac/forwarder.ts";

/**
 * Those of the manifests that hold the mesh together and that nobody but an installation writes: definitions, policies,
 * rights. The reconciler reads each of them by name (rbac/reconciler.ts) and can change none.
 */
export function guards(place: MeshPlace, sidecarImage: string = images().sidecar, injects = true): Guards {
  const parameters = { ...place, images: { ...images(), sidecar: sidecarImage }, injects };
  const { definitions, access, policies, bindings, strict } = manifests(parameters);
  return {
    always: [...definitions, ...access, ...policies, ...bindings],
    strict,
    forwarder: forwarderAccess(parameters),
  };
}
