import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { expectOk, type KubeObject } from "#lib/kube/objects.ts";
import { apiGroup } from "#lib/mesh/names.ts";

/** Every object of a cluster, by `Kind name` or `Kind namespace/name`: its content, without what the API server keeps. */
export type Snapshot = ReadonlyMap<string, string>;

/** What is different, by name, sorted. */
export interface Difference {
  readonly made: readonly string[];
  readonly changed: readonly string[];
  readonly gone: readonly string[];
}

interface Discovered {
  readonly groupVersion: string;
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly verbs: readonly string[] }[];
}

/** Everything that discovery lists, in the version that the API server prefers. */
export async function snapshot(connection: KubeConnection): Promise<Snapshot> {
  const get = async <T>(path: string) => JSON.parse((await expectOk(connection, { method: "GET", path })).text) as T;
  const { groups } = await get<{
    readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
  }>("/apis");
  const roots = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const taken = new Map<string, string>();
  for (const root of roots) {
    const response = await connection.send({ method: "GET", path: root });
    // A group that goes while it is looked at.
    if (response.status === 404 || response.status === 503) continue;
    const { resources } = JSON.parse(response.text) as Discovered;
    for (const { name, kind, verbs } of resources) {
      if (name.includes("/") || !verbs.includes("list") || isTransient(kind)) continue;
      const listed = await connection.send({ method: "GET", path: `${root}/${name}` });
      if (listed.status !== 200) continue;
      for (const object of (JSON.parse(listed.text) as { readonly items?: readonly KubeObject[] }).items ?? []) {
        const { namespace, name: own } = object.metadata;
        const key = `${kind} ${namespace === undefined ? own : `${namespace}/${own}`}`;
        if (!isServersOwn(key)) taken.set(key, contentOf(object, root));
      }
    }
  }
  return taken;
}

/** One that is the same as a second before: a fresh API server goes on making its own objects for a while. */
export async function settledSnapshot(connection: KubeConnection): Promise<Snapshot> {
  let last = await snapshot(connection);
  for (let tries = 0; tries < 30; tries++) {
    await sleep(1_000);
    const next = await snapshot(connection);
    const { made, changed, gone } = difference(last, next);
    if (made.length + changed.length + gone.length === 0) return next;
    last = next;
  }
  throw new Error("the cluster does not come to rest");
}

export function difference(before: Snapshot, after: Snapshot): Difference {
  const only = (these: Snapshot, those: Snapshot) => [...these.keys()].filter((key) => !those.has(key)).sort();
  const changed = [...after].filter(([key, content]) => before.has(key) && before.get(key) !== content);
  return { made: only(after, before), changed: changed.map(([key]) => key).sort(), gone: only(before, after) };
}

/** They expire by themselves. */
function isTransient(kind: string): boolean {
  return kind === "Event" || kind === "ComponentStatus";
}

/** The API server's sign of life. */
function isServersOwn(key: string): boolean {
  return key.startsWith("Lease kube-system/apiserver-");
}

const keptByServer = ["resourceVersion", "managedFields", "generation", "uid", "creationTimestamp", "selfLink"];

/** With the status of the mesh's own kinds; that of others is their controllers'. */
function contentOf(object: KubeObject, root: string): string {
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(
      ([field, value]) => !keptByServer.includes(field) && Object.keys(value ?? {}).length > 0,
    ),
  );
  const { status, ...rest } = object;
  return JSON.stringify({ ...rest, metadata, ...(root.includes(apiGroup) ? { status } : {}) });
}
