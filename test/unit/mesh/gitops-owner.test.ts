import { expect, test } from "vitest";
import { type GitopsOwner, gitopsOwners, isSameOwner } from "#lib/mesh/gitops-owner.ts";

type Texts = Readonly<Record<string, string>>;

test.each<readonly [string, Texts, Texts, readonly GitopsOwner[]]>([
  ["nothing", {}, {}, []],
  [
    "a Kustomization",
    { "kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" },
    {},
    [{ kind: "Kustomization", namespace: "flux-system", name: "mesh" }],
  ],
  [
    "a HelmRelease",
    { "helm.toolkit.fluxcd.io/name": "mesh", "helm.toolkit.fluxcd.io/namespace": "flux-system" },
    {},
    [{ kind: "HelmRelease", namespace: "flux-system", name: "mesh" }],
  ],
  [
    "an Application, by annotation",
    {},
    { "argocd.argoproj.io/tracking-id": "mesh:/ConfigMap:osm-system/osm-config" },
    [{ kind: "Application", name: "mesh" }],
  ],
  [
    "an Application of another namespace",
    {},
    { "argocd.argoproj.io/tracking-id": "team-a_mesh:/ConfigMap:osm-system/osm-config" },
    [{ kind: "Application", namespace: "team-a", name: "mesh" }],
  ],
  ["an Application, by label", { "app.kubernetes.io/instance": "mesh" }, {}, [{ kind: "Application", name: "mesh" }]],
  [
    "both",
    { "app.kubernetes.io/instance": "old" },
    { "argocd.argoproj.io/tracking-id": "mesh:/ConfigMap:osm-system/osm-config" },
    [{ kind: "Application", name: "mesh" }],
  ],
])("labels and annotations of %s", (_, labels, annotations, owners) => {
  expect(gitopsOwners(labels, annotations)).toEqual(owners);
});

const mesh = { kind: "Kustomization", namespace: "flux-system", name: "mesh" };
test.each<readonly [string, GitopsOwner, boolean]>([
  ["the same", mesh, true],
  ["the same, its namespace untold", { kind: "Kustomization", name: "mesh" }, true],
  ["of another namespace", { ...mesh, namespace: "team-a" }, false],
  ["of another name", { ...mesh, name: "mesh-2" }, false],
  ["of another kind", { ...mesh, kind: "HelmRelease" }, false],
])("an owner that is %s", (_, other, expected) => {
  expect(isSameOwner(mesh, other)).toBe(expected);
  expect(isSameOwner(other, mesh)).toBe(expected);
});
