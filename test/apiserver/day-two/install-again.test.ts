import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { waitServed } from "#lib/cli/install-checks.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { apply, type KubeObject } from "#lib/kube/objects.ts";
import { eventually } from "#test/eventually.ts";
import { run } from "../../../tools/setup/command.ts";
import { ensureKubernetesBinary } from "../../../tools/setup/kubernetes-binary.ts";
import { applyAll, bodyOf, create, mergePatch, remove } from "../api.ts";
import { namespace, pod, type StoredPod, serviceAccount } from "../pods.ts";
import { type OwnServer, startOwnServer } from "./own-server.ts";
import { difference, type Snapshot, settledSnapshot, snapshot } from "./snapshot.ts";

const shop = "shop";
const same = { made: [], changed: [], gone: [] };
/** Values named, so that what is printed has all of osm-config. */
const flags = [
  "--enable-egress=false",
  "--enable-permissive-traffic-policy=false",
  ...["--event-bus-name", "bus", "--cluster-name", "shop", "--region", "eu-central-1"],
];

let server: OwnServer;
let admin: KubeConnection;
/** A cluster right after a first `osm install` with these flags. */
let installed: Snapshot;

beforeAll(async () => {
  server = await startOwnServer();
  admin = server.connect();
  await applyAll(admin, [namespace(shop, "enabled"), serviceAccount(shop)]);
  await settledSnapshot(admin);
  await osm("install", ...flags);
  installed = await settledSnapshot(admin);
});
afterAll(() => server?.stop());

async function osm(...args: readonly string[]): Promise<string> {
  const { said, complained, exitCode } = await server.osm(...args);
  expect([args.join(" "), complained, exitCode]).toEqual([args.join(" "), "", 0]);
  return said;
}

/** As a cluster that never had a mesh, but for the namespaces. */
async function clean(): Promise<void> {
  await osm("uninstall");
  await remove(admin, osmConfig(defaults));
}

/** As right after the first installation, but for what was made since. */
function expectAsInstalled(now: Snapshot, made: readonly string[] = []): void {
  const seen = difference(installed, now);
  for (const key of seen.changed) expect([key, contentOf(now, key)]).toEqual([key, contentOf(installed, key)]);
  expect(seen).toEqual({ ...same, made });
}

function contentOf(taken: Snapshot, key: string): unknown {
  return JSON.parse(taken.get(key) ?? "null");
}

test("install, uninstall, install, an exclusion changed: the next pod has it", async () => {
  const exclude = (ports: string) =>
    mergePatch(admin, osmConfig(defaults), { data: { outbound_port_exclusion_list: ports } });
  const captured = async () => {
    const { spec } = bodyOf<StoredPod>(await create(admin, pod(shop), true));
    return JSON.stringify(spec.initContainers?.[0]);
  };
  await exclude("5432");
  await osm("reconcile");
  await eventually("the first mesh injects it", async () => (await captured()).includes("5432"));
  await osm("uninstall");
  expect(JSON.parse((await create(admin, pod(shop), true)).text).spec.initContainers).toBeUndefined();
  await osm("install", ...flags);
  await osm("reconcile");
  await eventually("the second goes by osm-config, which has stayed", async () => (await captured()).includes("5432"));
  await exclude("6379");
  await osm("reconcile");
  await eventually("and by its change", async () => {
    const container = await captured();
    return container.includes("6379") && !container.includes("5432");
  });
  await clean();
});

test("what --dry-run prints, applied by kubectl, is the same as an installation", async () => {
  const printed = await osm("install", "--dry-run", "-o", "yaml", ...flags);
  const binary = await ensureKubernetesBinary();
  const kubectl = [binary, "kubectl", "--kubeconfig", server.kubeconfigPath];
  const applyIt = () => run([...kubectl, "apply", "--server-side", "--filename", "-"], { input: printed });
  // Custom objects of kinds that are not served yet are refused the first time, as with any definitions.
  await applyIt().catch(() => undefined);
  await eventually("all of it is taken", async () => (await applyIt()).stdout.includes("meshinjection"));
  expectAsInstalled(await settledSnapshot(admin));
  await osm("install", ...flags);
  expectAsInstalled(await snapshot(admin));
  await clean();
});

describe("over what the first version installed", () => {
  const older = async (): Promise<readonly KubeObject[]> => {
    const text = await readFile(join(import.meta.dirname, "first-install.yaml"), "utf8");
    return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
  };
  const policy = (name: string): KubeObject => {
    return {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            { apiGroups: ["example.com"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["none"] },
          ],
        },
        validations: [{ expression: "false" }],
      },
    };
  };
  const applyAs = async (manager: string, object: KubeObject) => apply(admin, objectPath(object), object, { manager });

  test("an installation brings everything up to date, removes what is no more, and leaves pods and others' objects", async () => {
    const objects = await older();
    const definitions = objects.filter(({ kind }) => kind === "CustomResourceDefinition" || kind === "Namespace");
    for (const object of definitions) await applyAs("osm-install", object);
    await waitServed(admin, definitions);
    for (const object of objects) await applyAs("osm-install", object);
    // As an earlier version may have had it; what somebody else applies is his.
    await applyAs("osm-install", policy("osm-obsolete"));
    await applyAs("kubectl", policy("osm-mine"));
    const running = pod(shop);
    await eventually("a pod is injected as it was then", async () => {
      const tried = bodyOf<StoredPod>(await create(admin, running, true));
      return tried.spec.initContainers?.length === 2;
    });
    expect((await create(admin, running)).status).toBe(201);
    const before = await snapshot(admin);

    const said = await osm("install", ...flags);
    expect(said).toContain("Objects of earlier versions: removed: ValidatingAdmissionPolicy osm-obsolete");
    const after = await settledSnapshot(admin);
    expect(after.get("Pod shop/subject")).toBe(before.get("Pod shop/subject"));
    expectAsInstalled(after, ["Pod shop/subject", "ValidatingAdmissionPolicy osm-mine"]);
    expect(await osm("install", ...flags)).toContain("Objects of earlier versions: none");
  });
});
