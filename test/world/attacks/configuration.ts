import { annotations } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { commanding, creating, outward, reaches } from "./attempts.ts";
import { type Ground, must, plain, shop } from "./ground.ts";
import type { Contained, Family, Refused } from "./ways.ts";

const own = "osm-sidecar.default";
const onlyReconcilers = "only group osm:reconcilers writes what a sidecar runs";
const byConfigPolicy = "Policy `osm-sidecar-config`";
const asAccount = `--as=system:serviceaccount:${shop}:default`;

/** A change of the sidecars' ConfigMap, by `kubectl`. */
function edit(way: string, ...args: readonly string[]): Refused {
  return commanding(way, args, onlyReconcilers, byConfigPolicy);
}

function merge(patch: object): readonly string[] {
  return ["patch", "configmap", own, "--type=merge", "-p", JSON.stringify(patch)];
}

function sidecarConfig(metadata: object): object {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: shop, ...metadata },
    data: { "lds.json": "{}" },
  };
}

/** The mesh's own bytes, but for the chain that refuses. */
const sameVersion: Refused = {
  verdict: "refused",
  way: "Its content replaced by one that lets everything out, under the version that it had",
  because: byConfigPolicy,
  says: onlyReconcilers,
  async attempt({ mallory }) {
    const text = await must(mallory(["get", "configmap", own, "-n", shop, "-o", "json"]));
    const object = JSON.parse(text) as { readonly data: Readonly<Record<string, string>> };
    const open = object.data["lds.json"]?.replaceAll('"cluster":"refused"', '"cluster":"passthrough-outbound"');
    if (open === object.data["lds.json"]) throw new Error("nothing to open in lds.json");
    return mallory(["replace", "-f", "-"], { ...object, data: { ...object.data, "lds.json": open } });
  },
};

const asManager: Refused = {
  verdict: "refused",
  way: "Server-side apply by force, under the reconciler's field manager",
  because: byConfigPolicy,
  says: onlyReconcilers,
  attempt: ({ mallory }) =>
    mallory(
      ["apply", "--server-side", "--force-conflicts", "--field-manager=osm-reconciler", "-f", "-"],
      sidecarConfig({ name: own }),
    ),
};

const collection: Refused = {
  verdict: "refused",
  way: "All of them deleted by one request",
  because: byConfigPolicy,
  says: onlyReconcilers,
  attempt: ({ mallory }) => mallory(["delete", "--raw", `/api/v1/namespaces/${shop}/configmaps`]),
};

/** Says of a pod that it was already asked to look, before it was: so that nobody asks it again. */
const forgedPoke = (way: string, at: () => Date): Contained => ({
  verdict: "contained",
  way,
  because: "Before a change counts as done every sidecar is asked itself",
  async attempt(ground) {
    const path = `jsonpath={.metadata.annotations.${annotations.digest.replaceAll(".", "\\.")}}`;
    const off = await must(ground.admin(["get", "configmap", own, "-n", shop, "-o", path]));
    await setEgress(ground, true);
    const control = await eventually("egress is on", () => reaches(ground, plain, outward()));
    const forged = `${annotations.poke}=${off} ${at().toISOString()}`;
    await must(ground.mallory(["annotate", "pod", plain, "-n", shop, "--overwrite", forged]));
    await setEgress(ground, false);
    return { got: await reaches(ground, plain, outward()), control };
  },
});

/** No forwarder is here to take the change up. */
async function setEgress({ admin, osm }: Ground, value: boolean): Promise<void> {
  const patch = JSON.stringify({ data: { egress: String(value) } });
  await must(admin(["patch", "configmap", "osm-config", "-n", "osm-system", "--type=merge", "-p", patch]));
  const { exitCode, stdout, stderr } = await osm("reconcile");
  if (exitCode !== 0) throw new Error(`osm reconcile: ${stdout}${stderr}`);
}

export const configuration: Family = {
  title: "The sidecars' ConfigMap, and what the mesh is told",
  attacks: [
    sameVersion,
    edit("A lower fencing number on it", "annotate", "configmap", own, "--overwrite", `${annotations.fencing}=0`),
    asManager,
    edit(
      "Its label taken off, so that the reconciler overlooks it",
      "label",
      "configmap",
      own,
      "openservicemesh.io/sidecar-config-",
    ),
    edit("It made immutable", ...merge({ immutable: true })),
    edit("A finalizer on it", ...merge({ metadata: { finalizers: ["example.com/stays"] } })),
    edit(
      "An owner for it that does not exist, so that the garbage collector takes it away",
      ...merge({ metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "gone", uid: "0" }] } }),
    ),
    edit("It deleted", "delete", "configmap", own),
    collection,
    creating(
      "One made for an account that is still to come",
      sidecarConfig({ name: "osm-sidecar.later" }),
      onlyReconcilers,
      byConfigPolicy,
    ),
    creating(
      "One whose name the API server is to make up",
      sidecarConfig({ generateName: "osm-sidecar.later-" }),
      onlyReconcilers,
      byConfigPolicy,
    ),
    commanding(
      "It deleted in the name of group `osm:reconcilers`",
      ["delete", "configmap", own, asAccount, "--as-group=osm:reconcilers"],
      'cannot impersonate resource "groups"',
      "RBAC: `edit` may impersonate the service accounts of its namespace and nobody else",
    ),
    commanding(
      "It deleted as a pod's own account",
      ["delete", "configmap", own, asAccount],
      'cannot delete resource "configmaps"',
      "RBAC: the mesh gives accounts nothing",
    ),
    ...(
      [
        ["The switch itself", "/api/v1/namespaces/osm-system/configmaps/osm-config"],
        [
          "MeshInjection: another image for new pods, or everything excluded",
          "/apis/egress.openservicemesh.io/v1alpha1/namespaces/osm-system/meshinjections/osm-config",
        ],
        ["The namespace's label or annotation", `/api/v1/namespaces/${shop}`],
        [
          "A policy's binding",
          "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/osm-sidecar-guard",
        ],
        [
          "More rights in the namespace",
          `/apis/rbac.authorization.k8s.io/v1/namespaces/${shop}/rolebindings/osm-attackers`,
        ],
      ] as const
    ).map(
      ([way, path]): Refused => ({
        verdict: "refused",
        way,
        because: "RBAC: `edit` does not reach there",
        says: "cannot update resource",
        attempt: ({ mallory }) => mallory(["replace", "--raw", path, "-f", "-"], {}),
      }),
    ),
    forgedPoke("The pod's annotation forged that says what it was last asked to load", () => new Date()),
    forgedPoke("The same, dated in a time to come", () => new Date("2099-01-01T00:00:00Z")),
  ],
};
