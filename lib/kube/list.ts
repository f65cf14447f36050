import type { KubeConnection } from "./connection.ts";
import { expectOk } from "./objects.ts";

const pageSize = 500;

/**
 * All objects of a collection, page by page, reduced on decode so that a page is all that is in memory at once.
 *
 * @param decode  undefined leaves the object out
 */
export async function listAll<T>(
  connection: KubeConnection,
  path: string,
  decode: (object: unknown) => T | undefined,
  options: { readonly query?: Readonly<Record<string, string>>; readonly accept?: string } = {},
): Promise<readonly T[]> {
  const found: T[] = [];
  let next: string | undefined;
  do {
    const response = await expectOk(connection, {
      method: "GET",
      path,
      query: { ...options.query, limit: pageSize, continue: next },
      ...(options.accept === undefined ? {} : { accept: options.accept }),
      timeoutMs: 30_000,
    });
    const page = JSON.parse(response.text) as {
      readonly metadata?: { readonly continue?: string };
      readonly items?: readonly unknown[];
    };
    for (const item of page.items ?? []) {
      const decoded = decode(item);
      if (decoded !== undefined) found.push(decoded);
    }
    next = page.metadata?.continue || undefined;
  } while (next !== undefined);
  return found;
}
