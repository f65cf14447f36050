import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { allObjects } from "#deploy/manifests.ts";
import { defaults } from "#deploy/parameters.ts";
import { objectName } from "#lib/rollout/drift/guard-object.ts";
import { failureOf, osmRun } from "#test/osm-run.ts";

/** Names of what is printed, in its order; a command that spoke to a cluster would fail here. */
async function printed(...flags: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr, exitCode } = await osmRun("install", "--dry-run", "--kubeconfig", "/nowhere", ...flags);
  expect([stderr, exitCode]).toEqual(["", 0]);
  return parseAllDocuments(stdout).map((document) => objectName(document.toJS()));
}

const all = allObjects(defaults).map(objectName);

test.each([[[]], [["--kube-version", "1.36"]]])("a dry run prints all of it: %j", async (flags) => {
  expect(await printed(...flags)).toEqual(all);
});

test("for an older cluster it prints everything but what injects", async () => {
  expect(all.filter((name) => name.includes("MutatingAdmissionPolicy"))).toHaveLength(2);
  expect(await printed("--kube-version", "v1.35.4-eks-a737599")).toEqual(
    all.filter((name) => !name.includes("MutatingAdmissionPolicy")),
  );
});

test.each([
  [["--dry-run", "--kube-version", "1.30"], "the API server (1.30) takes no ip() and cidr() in new policies"],
  [["--kube-version", "1.35"], "--kube-version is for --dry-run: here the cluster is asked"],
])("%j is refused", async (flags, what) => {
  const said = await osmRun("install", "--kubeconfig", "/nowhere", ...flags);
  expect([said.exitCode, said.stdout]).toEqual([1, ""]);
  expect(failureOf(said).what).toContain(what);
});
