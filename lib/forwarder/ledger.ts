import type { Seen } from "../kube/watch.ts";
import type { SeenObject } from "./seen-object.ts";
import type { WatchedKind } from "./watched.ts";

/** Something that the reconciler should look at; becomes one event, alone or with others. */
export interface Change {
  /** `Pod`, or `PodList` after a list: anything may have happened before it. */
  readonly kind: WatchedKind | `${WatchedKind}List`;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly actor?: string;
}

/** Remembers what was last seen of every object, to tell changes that count from those that do not. */
export interface Ledger {
  /** What counts of what was just seen; when in doubt, it counts. */
  see(kind: WatchedKind, seen: Seen<SeenObject>): Change | undefined;
  /** How many objects it remembers. */
  readonly size: number;
}

type Remembered = Pick<SeenObject, "namespace" | "name" | "mark" | "startedContainer">;

/** @param osmConfig  what is told when osm-config is not there */
export function openLedger(osmConfig: Change): Ledger {
  const objects: Record<WatchedKind, Map<string, Remembered>> = {
    ConfigMap: new Map(),
    Namespace: new Map(),
    ServiceAccount: new Map(),
    Service: new Map(),
    Pod: new Map(),
  };
  /** Unset until the namespaces were listed: until then every object may be the mesh's. */
  let meshNamespaces: ReadonlySet<string> | undefined;

  function isOurs(kind: WatchedKind, { namespace }: Pick<SeenObject, "namespace">): boolean {
    if (kind !== "ServiceAccount" && kind !== "Service") return true;
    return meshNamespaces === undefined || (namespace !== undefined && meshNamespaces.has(namespace));
  }

  function rememberAll(kind: WatchedKind, listed: readonly SeenObject[]): void {
    objects[kind] = new Map(listed.filter((one) => isOurs(kind, one)).map((one) => [one.uid, remembered(one)]));
  }

  /** Counts, or does not; and remembers either way. */
  function change(kind: WatchedKind, seen: Exclude<Seen<SeenObject>, { kind: "listed" }>): boolean {
    const { object } = seen;
    if (!isOurs(kind, object)) return false;
    const before = objects[kind].get(object.uid);
    if (seen.kind === "deleted") {
      objects[kind].delete(object.uid);
      return true;
    }
    objects[kind].set(object.uid, remembered(object, before));
    return before === undefined || before.mark !== object.mark || isStart(before, object);
  }

  /** Namespaces that left take their Services and accounts out of memory. */
  function followNamespaces(): void {
    const names = new Set([...objects.Namespace.values()].map(({ name }) => name));
    meshNamespaces = names;
    for (const kind of ["ServiceAccount", "Service"] as const) {
      for (const [uid, one] of objects[kind]) if (!isOurs(kind, one)) objects[kind].delete(uid);
    }
  }

  return {
    get size() {
      return Object.values(objects).reduce((sum, map) => sum + map.size, 0);
    },
    see(kind, seen) {
      if (seen.kind === "listed") rememberAll(kind, seen.objects);
      const counts = seen.kind === "listed" || change(kind, seen);
      if (kind === "Namespace") followNamespaces();
      if (!counts) return undefined;
      if (seen.kind !== "listed") return objectChange(kind, seen.object);
      if (kind !== "ConfigMap") return { kind: `${kind}List`, name: "*" };
      const found = seen.objects[0];
      return found ? objectChange(kind, found) : osmConfig;
    },
  };
}

function remembered(object: SeenObject, before?: Remembered): Remembered {
  const startedContainer = object.startedContainer ?? before?.startedContainer;
  return {
    ...(object.namespace === undefined ? {} : { namespace: object.namespace }),
    name: object.name,
    mark: object.mark,
    ...(startedContainer === undefined ? {} : { startedContainer }),
  };
}

/** A sidecar that stopped is no news by itself (readiness tells); one that runs again is. */
function isStart(before: Remembered, now: SeenObject): boolean {
  return now.startedContainer !== undefined && now.startedContainer !== before.startedContainer;
}

function objectChange(kind: WatchedKind, { namespace, name, uid, resourceVersion, actor }: SeenObject): Change {
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    uid,
    resourceVersion,
    ...(actor === undefined ? {} : { actor }),
  };
}
