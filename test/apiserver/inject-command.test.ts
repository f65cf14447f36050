import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { printManifest } from "#lib/cli/inject/kubectl-yaml.ts";
import { program } from "#lib/cli/main.ts";
import { eventually } from "#test/eventually.ts";
import { clusterAccess } from "./access.ts";
import { applyAll, connectAs, kubeconfigOf, mergePatch, remove } from "./api.ts";
import { injectedText, manifest, type Pair, prepare } from "./both-ways.ts";

const admin = connectAs("admin");
const pair: Pair = { member: "ic-mesh", bare: "ic-bare" };

/** All that the documentation says. */
const rules = [
  { apiGroups: ["egress.openservicemesh.io"], resources: ["meshinjections"], verbs: ["get"] },
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
  { apiGroups: [""], resources: ["limitranges"], verbs: ["list"] },
];
const { role, binding } = clusterAccess("osm-test-injector", "restarter", rules);

let directory = "";
let out = "";
let said = "";

/** The whole command, as the shell calls it. */
async function osmInject(...flags: readonly string[]): Promise<void> {
  out = "";
  said = "";
  const args = ["inject", "-f", join(directory, "pod.yaml"), "--kubeconfig", join(directory, "config"), ...flags];
  await program().parseAsync(args, { from: "user" });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "osm-inject-"));
  const config = kubeconfigOf("restarter") as { readonly contexts: readonly [{ readonly context: object }] };
  const [first] = config.contexts;
  const contexts = [{ ...first, context: { ...first.context, namespace: pair.member } }];
  writeFileSync(join(directory, "config"), JSON.stringify({ ...config, contexts }));
  writeFileSync(join(directory, "pod.yaml"), printManifest(manifest({})));
  await prepare([pair], () => []);
  await applyAll(admin, [role, binding]);
});
afterAll(async () => {
  for (const object of [binding, role]) await remove(admin, object);
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  vi.spyOn(process.stdout, "write").mockImplementation((text: unknown) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text: unknown) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

test("by kubeconfig: the mesh's settings, the context's namespace, and no right but the documented ones", async () => {
  await eventually("the rights are in force", async () => {
    await osmInject();
    return true;
  });
  expect(said).toBe("Pod subject: injected\n");
  expect(out).toBe(await injectedText(pair.member, printManifest(manifest({}))));
});

test("--namespace says where the pod will be", async () => {
  await osmInject("--namespace", pair.bare);
  expect(said).toBe(`Pod subject: not injected: namespace ${pair.bare} is not in mesh osm\n`);
  expect(out).toBe(`---\n${printManifest(manifest({}))}`);
});

test("a namespace that is not there, and a mesh that is not, are named", async () => {
  await expect(osmInject("-n", "ic-gone")).rejects.toThrow("namespace ic-gone does not exist");
  await expect(osmInject("--osm-namespace", "ic-gone")).rejects.toThrow("no mesh is installed in namespace ic-gone");
  expect(out).toBe("");
});

test.each(rules)("without the right on $resources the command says which it lacks", async ({ resources }) => {
  try {
    const others = rules.filter((rule) => !rule.resources.includes(resources[0] ?? ""));
    expect((await mergePatch(admin, role, { rules: others })).status).toBe(200);
    await eventually("the right is gone", async () => {
      const refusal = await osmInject().then(
        () => "",
        (error: unknown) => String(error),
      );
      return refusal.includes("api-forbidden") && refusal.includes(resources[0] ?? "none");
    });
  } finally {
    expect((await mergePatch(admin, role, { rules })).status).toBe(200);
  }
});
