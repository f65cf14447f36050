import type { AccessRule } from "#lib/kube/access-rule.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import {
  apiGroup,
  exempt,
  forwarderName,
  injectionName,
  leaseName,
  osmConfigName,
  reconcilersGroup,
  rolloutName,
} from "#lib/mesh/names.ts";
import type { Parameters } from "../parameters.ts";
import { granted, type Subject } from "./roles.ts";

const name = "osm-reconciler";

/** For the function's access entry, and for whoever may impersonate the group. */
const reconcilers: Subject = { kind: "Group", name: reconcilersGroup, apiGroup: "rbac.authorization.k8s.io" };

/** Mesh namespaces come and go by label, which RBAC cannot see: what is done in them is granted in all. */
const everywhere: readonly AccessRule[] = [
  { apiGroups: [""], resources: ["namespaces", "serviceaccounts", "services"], verbs: ["list"] },
  // Where Services have their addresses: exclusions must keep out of it.
  { apiGroups: ["networking.k8s.io"], resources: ["servicecidrs"], verbs: ["list"] },
  // patch: the poke. The policy beside this keeps it to one annotation.
  { apiGroups: [""], resources: ["pods"], verbs: ["list", "patch"] },
  // Asking sidecars; `get` is HTTP GET. The policy keeps it to one port.
  { apiGroups: [""], resources: ["pods/proxy"], verbs: ["get"] },
  // Server-side apply is patch, and create where there is nothing yet; delete: one that was made immutable cannot be
  // applied. The policy keeps all of them to the sidecars' own names.
  { apiGroups: [""], resources: ["configmaps"], verbs: ["list", "create", "patch", "delete"] },
];

const registration = "admissionregistration.k8s.io";
const policyNames = [
  "osm-config",
  "osm-exempt",
  "osm-exempt-namespaces",
  "osm-reconciler",
  "osm-sidecar-config",
  "osm-sidecar-guard",
  "osm-sidecar-injection",
  "osm-strict",
];
const injectionPolicyNames = ["osm-sidecar-injection"];
const roleNames = [name, forwarderName];

/**
 * What holds the mesh together is looked at by every drift pass and changed by none: each object by its name, its own
 * rights among them. Which ones these are is asked of deploy/guards.ts by a test.
 */
const guardsEverywhere: readonly AccessRule[] = [
  {
    apiGroups: ["apiextensions.k8s.io"],
    resources: ["customresourcedefinitions"],
    resourceNames: [`egressrollouts.${apiGroup}`, `meshinjections.${apiGroup}`],
    verbs: ["get"],
  },
  {
    apiGroups: [registration],
    resources: ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
    resourceNames: policyNames,
    verbs: ["get"],
  },
  {
    apiGroups: [registration],
    resources: ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"],
    resourceNames: injectionPolicyNames,
    verbs: ["get"],
  },
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["clusterroles", "clusterrolebindings"],
    resourceNames: roleNames,
    verbs: ["get"],
  },
  // Bound by whoever gives the right away, and to whom is nobody's business here.
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["clusterroles"],
    resourceNames: [exempt.role],
    verbs: ["get"],
  },
];

const guardsInOsmNamespace: readonly AccessRule[] = [
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["roles", "rolebindings"],
    resourceNames: roleNames,
    verbs: ["get"],
  },
  // Whether there is a forwarder, and when it was last well.
  { apiGroups: ["apps"], resources: ["deployments"], resourceNames: [forwarderName], verbs: ["get"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [forwarderName], verbs: ["get"] },
];

const inOsmNamespace: readonly AccessRule[] = [
  { apiGroups: [""], resources: ["configmaps"], resourceNames: [osmConfigName], verbs: ["get"] },
  { apiGroups: [""], resources: ["events"], verbs: ["create"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [leaseName], verbs: ["get", "update"] },
  // RBAC sees no name on creation; the policy does.
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  { apiGroups: [apiGroup], resources: ["egressrollouts"], resourceNames: [rolloutName], verbs: ["get"] },
  // Lost, it is made again; the policy sees to the name.
  { apiGroups: [apiGroup], resources: ["egressrollouts"], verbs: ["create"] },
  { apiGroups: [apiGroup], resources: ["egressrollouts/status"], resourceNames: [rolloutName], verbs: ["update"] },
  {
    apiGroups: [apiGroup],
    resources: ["meshinjections"],
    resourceNames: [injectionName],
    verbs: ["get", "create", "patch"],
  },
];

export function reconcilerAccess(parameters: Parameters): KubeObject[] {
  return [
    ...granted(name, reconcilers, [...everywhere, ...guardsEverywhere]),
    ...granted(name, reconcilers, [...inOsmNamespace, ...guardsInOsmNamespace], parameters.osmNamespace),
  ];
}
