import { expect, test, vi } from "vitest";
import { removeNamespaces } from "#lib/cli/namespace-remove.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { injectedPod } from "./uninstall-cluster.ts";

/** Two namespaces of the mesh with a pod each, of which the second may not be changed. */
const api: KubeConnection = {
  server: "https://api",
  send: async ({ method, path }) => {
    const [, namespace = "", rest] = /^\/api\/v1\/namespaces\/([^/]+)(\/pods)?$/.exec(path) ?? [];
    const answer = (status: number, body: object) => ({ status, text: JSON.stringify(body), serverTimeMs: undefined });
    if (method === "PATCH" && namespace === "b") return answer(403, { message: "not this one" });
    if (rest !== undefined) return answer(200, { items: [injectedPod(namespace, "one")], metadata: {} });
    return answer(200, { metadata: { name: namespace, labels: { "openservicemesh.io/monitored-by": "osm" } } });
  },
  stream: () => {
    throw new Error("nothing is watched");
  },
};

test("a later one is refused: the pods of those that are out already are named nonetheless", async () => {
  const lines: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
  try {
    await expect(removeNamespaces(api, "osm", ["a", "b"])).rejects.toThrow("not this one");
  } finally {
    vi.restoreAllMocks();
  }
  expect(lines.join("\n")).toContain("These pods keep their sidecar");
  expect(lines.join("\n")).toContain("a/one");
  expect(lines.join("\n")).not.toContain("b/one");
});
