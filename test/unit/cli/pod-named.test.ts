import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { program } from "#lib/cli/main.ts";
import { podNamed } from "#lib/cli/pod-named.ts";

test.each<readonly [string, string | undefined, string]>([
  ["shop/web-1", undefined, "shop"],
  ["shop/web-1", "shop", "shop"],
  ["web-1", "shop", "shop"],
  ["web-1", undefined, "context"],
])("%s, -n %s: in namespace %s", (text, given, namespace) => {
  expect(podNamed(text, given, () => "context")).toEqual({ namespace, name: "web-1" });
});

const unusable: readonly (readonly [string, string | undefined, string, string])[] = [
  ["shop/web-1", "other", "two namespaces for one pod", "web-1 -n other"],
  ["pods/shop/web-1", undefined, "is not the name of a pod", "NAMESPACE/POD"],
  ["/web-1", undefined, "is not the name of a pod", "NAMESPACE/POD"],
  ["shop/", "shop", "is not the name of a pod", "NAMESPACE/POD"],
  ["", "shop", "is not the name of a pod", "NAMESPACE/POD"],
  ["web-1", "", "is not the name of a pod", "NAMESPACE/POD"],
];

test.each(unusable)("%j, -n %j is refused, with what to give", (text, namespace, message, remedy) => {
  const refused = expect.objectContaining({
    message: expect.stringContaining(message) as string,
    remedy: expect.stringContaining(remedy) as string,
  });
  expect(() => podNamed(text, namespace, () => "context")).toThrow(refused);
});

/** Of a cluster that nobody answers for: a failure says what was asked. */
let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "osm-pod-named-"));
  const config = {
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "team" } }],
    "current-context": "x",
  };
  writeFileSync(join(directory, "config"), JSON.stringify(config));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function osm(...args: readonly string[]): Promise<void> {
  await program().parseAsync([...args, "--kubeconfig", join(directory, "config")], { from: "user" });
}

const commands: readonly (readonly [string, readonly string[]])[] = [
  ["proxy get", ["proxy", "get", "ready"]],
  ["egress status", ["egress", "status", "--explain"]],
];

test.each(commands)("osm %s: a pod without a namespace is in the context's", async (_, command) => {
  await expect(osm(...command, "web-1")).rejects.toThrow("GET /api/v1/namespaces/team");
});

test.each(commands)("osm %s refuses what names none, and asks nobody", async (_, command) => {
  for (const [text, namespace, message] of unusable) {
    const given = namespace === undefined ? [] : ["-n", namespace];
    await expect(osm(...command, text, ...given)).rejects.toThrow(message);
  }
});
