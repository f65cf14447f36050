import type { Reason } from "../errors.ts";

/** One line of a watch. */
export type WatchLine =
  | { readonly kind: "added" | "modified" | "deleted"; readonly resourceVersion: string; readonly object: unknown }
  | { readonly kind: "bookmark"; readonly resourceVersion: string }
  | { readonly kind: "error"; readonly reason: Reason; readonly message: string };

const kinds = { ADDED: "added", MODIFIED: "modified", DELETED: "deleted", BOOKMARK: "bookmark" } as const;

/** Total: a line that is no watch event is an error line, not an exception. */
export function parseWatchLine(text: string): WatchLine {
  let line: {
    type?: unknown;
    object?: { metadata?: { resourceVersion?: unknown }; code?: unknown; message?: unknown };
  };
  try {
    line = JSON.parse(text);
  } catch {
    return { kind: "error", reason: "api-unavailable", message: `not JSON: ${text.slice(0, 100)}` };
  }
  const kind = kinds[line?.type as keyof typeof kinds];
  const resourceVersion = line?.object?.metadata?.resourceVersion;
  if (kind === undefined || typeof resourceVersion !== "string") {
    const { code, message } = line?.object ?? {};
    const reason = code === 410 ? "version-expired" : "api-unavailable";
    return { kind: "error", reason, message: String(message ?? text.slice(0, 100)) };
  }
  return kind === "bookmark" ? { kind, resourceVersion } : { kind, resourceVersion, object: line.object };
}
