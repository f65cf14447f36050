import type { Hint } from "../events/hint-event.ts";
import { apiGroup, type MeshPlace, osmConfigName } from "../mesh/names.ts";
import type { AuditedWrite } from "./audit-record.ts";

/** What becomes of some writes on the bus. */
export interface AuditChange {
  readonly object: NonNullable<Hint["object"]>;
  readonly actor: string;
  readonly at: string;
}

/** By resource and group: what concerns the mesh besides osm-config, and the kind that events call it. */
const meshKinds: ReadonlyMap<string, string> = new Map([
  ["serviceaccounts/", "ServiceAccount"],
  ["services/", "Service"],
  ["namespaces/", "Namespace"],
  [`meshinjections/${apiGroup}`, "MeshInjection"],
]);

/**
 * Every write to osm-config is told by itself, for its user; all others together become one event, named after the first:
 * it only wakes a pass, and that sees them all.
 */
export function notableChanges(writes: readonly AuditedWrite[], { osmNamespace }: MeshPlace): readonly AuditChange[] {
  const once = [...new Map(writes.map((write) => [write.auditId, write])).values()];
  const isOfOsmConfig = ({ resource, apiGroup: group, namespace, name }: AuditedWrite) =>
    resource === "configmaps" && group === "" && namespace === osmNamespace && name === osmConfigName;
  const ofOsmConfig = once.filter(isOfOsmConfig).map((write) => change(write, "ConfigMap"));
  const others = once.flatMap((write) => {
    const kind = meshKinds.get(`${write.resource}/${write.apiGroup}`);
    return kind === undefined ? [] : [change(write, kind)];
  });
  return [...ofOsmConfig, ...others.slice(0, 1)];
}

function change({ namespace, name, user, at }: AuditedWrite, kind: string): AuditChange {
  // A create with a generated name has none in its record; an event's object needs one.
  const named = name === "" ? "*" : name;
  return {
    object: { kind, ...(namespace === undefined ? {} : { namespace }), name: named },
    actor: user.slice(0, 256),
    at,
  };
}
