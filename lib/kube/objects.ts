import { EgressError, type Reason } from "../errors.ts";
import { fieldManager } from "../mesh/names.ts";
import type { KubeConnection, KubeRequest, KubeResponse } from "./connection.ts";

/** Any Kubernetes object, as far as reading and writing it needs to know. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** Where a kind lives in the API: its plural, and whether it has namespaces. */
export interface Resource {
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** `/api/v1/namespaces/shop/configmaps/x`, or without the name for the collection. */
export function pathOf(resource: Resource, namespace?: string, name?: string, subresource?: string): string {
  const root = resource.apiVersion.includes("/") ? "/apis" : "/api";
  const parts = [root, resource.apiVersion];
  if (resource.namespaced && namespace !== undefined) parts.push("namespaces", encodeURIComponent(namespace));
  parts.push(resource.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join("/");
}

/** Sends, and turns every answer that is not 2xx into an EgressError with the API server's own words. */
export async function expectOk(connection: KubeConnection, request: KubeRequest): Promise<KubeResponse> {
  const response = await connection.send(request);
  if (response.status >= 200 && response.status < 300) return response;
  throw failure(request, response);
}

/** The object, or undefined when there is none (404). */
export async function read<T>(connection: KubeConnection, path: string): Promise<T | undefined> {
  const request: KubeRequest = { method: "GET", path };
  const response = await connection.send(request);
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw failure(request, response);
  return JSON.parse(response.text) as T;
}

/** What is at a path, and whether the API server knows its kind at all. */
export interface Served<T> {
  /** False: it is older than the kind, or has it switched off. */
  readonly served: boolean;
  readonly object: T | undefined;
}

/** As `read`, with the two kinds of absence told apart. */
export async function readServed<T>(connection: KubeConnection, path: string): Promise<Served<T>> {
  const request: KubeRequest = { method: "GET", path };
  const response = await connection.send(request);
  if (response.status === 404) return { served: namesObject(response.text), object: undefined };
  if (response.status !== 200) throw failure(request, response);
  return { served: true, object: JSON.parse(response.text) as T };
}

/** Whether a 404 is about the object, and not about a kind that is not served. */
export function namesObject(text: string): boolean {
  try {
    return (JSON.parse(text) as { readonly details?: { readonly name?: string } }).details?.name !== undefined;
  } catch {
    return false;
  }
}

/**
 * Server-side apply.
 *
 * @param options.force  take over keys that another manager owns; right for what is ours alone, wrong for what users own
 */
export async function apply(
  connection: KubeConnection,
  path: string,
  object: KubeObject | object,
  options: {
    readonly manager?: string;
    readonly force?: boolean;
    readonly dryRun?: boolean;
    readonly accept?: string;
  } = {},
): Promise<KubeResponse> {
  return expectOk(connection, {
    method: "PATCH",
    path,
    query: {
      fieldManager: options.manager ?? fieldManager,
      force: options.force ?? true,
      dryRun: options.dryRun ? "All" : undefined,
    },
    contentType: "application/apply-patch+yaml",
    ...(options.accept === undefined ? {} : { accept: options.accept }),
    body: object,
  });
}

/** The error that an answer other than 2xx stands for, with the API server's own words. */
export function failure(request: KubeRequest, response: KubeResponse): EgressError {
  return new EgressError(
    reasonOf(response),
    `${request.method} ${request.path}: ${response.status} ${messageOf(response.text)}`,
    // The API server stopped waiting for its own storage: like no answer, the write may still come to pass.
    response.status === 504 ? response : undefined,
  );
}

/** How policy `osm-sidecar-config` begins its refusal of an older fencing number. */
export const overtaken = "overtaken: fencing number";

function reasonOf(response: KubeResponse): Reason {
  switch (response.status) {
    case 401:
      return "api-unauthenticated";
    case 403:
      if (response.text.includes("because it is being terminated")) return "namespace-terminating";
      // By policy osm-sidecar-config: another pass has taken the Lease and written since.
      return response.text.includes(overtaken) ? "object-conflict" : "api-forbidden";
    case 404:
      return "object-missing";
    case 409:
      // Of an apply that is not forced, and all of ours are to be.
      return response.text.includes('"reason":"FieldManagerConflict"') ? "api-invalid" : "object-conflict";
    case 410:
      return "version-expired";
    case 400:
    case 422:
      return "api-invalid";
    default:
      return "api-unavailable";
  }
}

/** The `message` of a Kubernetes Status, or the beginning of whatever else came. */
export function messageOf(text: string): string {
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === "object" && status !== null && "message" in status) return String(status.message);
  } catch {
    // Not JSON: a proxy's page, a plain text answer.
  }
  return text.slice(0, 300);
}
