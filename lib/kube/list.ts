import type { KubeConnection } from "./connection.ts";
import { expectOk } from "./objects.ts";

const pageSize = 500;

interface ListOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

/** A collection as it was at one moment. */
export interface Listed<T> {
  readonly objects: readonly T[];
  /** Where a watch can go on. */
  readonly resourceVersion: string | undefined;
}

/**
 * All objects of a collection, page by page, reduced on decode so that a page is all that is in memory at once.
 *
 * @param decode  undefined leaves the object out
 */
export async function listAt<T>(
  connection: KubeConnection,
  path: string,
  decode: (object: unknown) => T | undefined,
  { query, accept, signal }: ListOptions = {},
): Promise<Listed<T>> {
  const objects: T[] = [];
  let next: string | undefined;
  let resourceVersion: string | undefined;
  do {
    const response = await expectOk(connection, {
      method: "GET",
      path,
      query: { ...query, limit: pageSize, continue: next },
      ...(accept === undefined ? {} : { accept }),
      ...(signal === undefined ? {} : { signal }),
      timeoutMs: 30_000,
    });
    const page = JSON.parse(response.text) as Page;
    for (const item of page.items ?? []) {
      const decoded = decode(item);
      if (decoded !== undefined) objects.push(decoded);
    }
    resourceVersion = page.metadata?.resourceVersion;
    next = page.metadata?.continue || undefined;
  } while (next !== undefined);
  return { objects, resourceVersion };
}

/** The same, without the moment. */
export async function listAll<T>(
  connection: KubeConnection,
  path: string,
  decode: (object: unknown) => T | undefined,
  options: ListOptions = {},
): Promise<readonly T[]> {
  return (await listAt(connection, path, decode, options)).objects;
}

interface Page {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[];
}
