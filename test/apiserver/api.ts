import { inject } from "vitest";
import type { KubeConnection, KubeResponse } from "#lib/kube/connection.ts";
import { collectionPath, objectPath } from "#lib/kube/kinds.ts";
import { apply, type KubeObject } from "#lib/kube/objects.ts";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import type { IdentityName } from "./setup.ts";

/** A connection to the run's API server as one of the identities. */
export function connectAs(name: IdentityName): KubeConnection {
  const { url, caData, tokens } = inject("apiServer");
  const token = tokens[name];
  if (token === undefined) throw new Error(`no token for ${name}`);
  return openTokenConnection({ server: url, caData, token: async () => token });
}

/** The same for a command. */
export function kubeconfigOf(name: IdentityName): object {
  const { url, caData, tokens } = inject("apiServer");
  return {
    clusters: [{ name: "c", cluster: { server: url, "certificate-authority-data": caData } }],
    users: [{ name, user: { token: tokens[name] } }],
    contexts: [{ name: "c", context: { cluster: "c", user: name } }],
    "current-context": "c",
  };
}

/** POST, and whatever the server says. */
export function create(connection: KubeConnection, object: KubeObject, dryRun = false): Promise<KubeResponse> {
  return connection.send({
    method: "POST",
    path: collectionPath(object),
    query: { dryRun: dryRun ? "All" : undefined },
    body: object,
  });
}

export function remove(connection: KubeConnection, object: KubeObject): Promise<KubeResponse> {
  return connection.send({ method: "DELETE", path: objectPath(object) });
}

export function mergePatch(connection: KubeConnection, object: KubeObject, patch: object): Promise<KubeResponse> {
  return connection.send({
    method: "PATCH",
    path: objectPath(object),
    contentType: "application/merge-patch+json",
    body: patch,
  });
}

export async function applyAll(connection: KubeConnection, objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) await apply(connection, objectPath(object), object, { manager: "test" });
}

/** `message` of the Status that a refusal carries. */
export function messageOf(response: KubeResponse): string {
  return String((JSON.parse(response.text) as { message?: unknown }).message);
}

export function bodyOf<T>(response: KubeResponse): T {
  return JSON.parse(response.text) as T;
}
