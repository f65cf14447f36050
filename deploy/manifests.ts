import type { KubeObject } from "#lib/kube/objects.ts";
import type { MeshPlace } from "#lib/mesh/names.ts";
import { egressRolloutDefinition } from "./crds/egress-rollout.ts";
import { meshInjectionDefinition } from "./crds/mesh-injection.ts";
import { forwarderAccount, forwarderDeployment } from "./forwarder.ts";
import { podPolicy, podPolicyBinding } from "./injection/pod-policy.ts";
import { injectionBinding, injectionPolicy } from "./injection/policy.ts";
import { egressRollout, meshInjection, namedValues, osmConfig, osmNamespaceObject } from "./osm-config.ts";
import { defaults, type Parameters } from "./parameters.ts";
import { exemptBinding, exemptPolicy } from "./policies/exempt.ts";
import { exemptNamespacesBinding, exemptNamespacesPolicy } from "./policies/exempt-namespaces.ts";
import { osmConfigBinding, osmConfigPolicy } from "./policies/osm-config.ts";
import { reconcilerBinding, reconcilerPolicy } from "./policies/reconciler.ts";
import { sidecarConfigBinding, sidecarConfigPolicy } from "./policies/sidecar-config.ts";
import { sidecarGuardBinding, sidecarGuardPolicy } from "./policies/sidecar-guard.ts";
import { strictBinding, strictPolicy } from "./policies/strict.ts";
import { exemptRole } from "./rbac/exempt.ts";
import { forwarderAccess } from "./rbac/forwarder.ts";
import { reconcilerAccess } from "./rbac/reconciler.ts";

/**
 * Everything that is installed, in steps. Each step needs what stands before it; within one, order does not matter.
 * osm-config is not among them: it is created once, and then its owner's.
 */
export interface Manifests {
  /** Created where there is none, and then its owner's. */
  readonly namespace: KubeObject;
  readonly definitions: readonly KubeObject[];
  readonly access: readonly KubeObject[];
  /** Custom objects; the injection policy's parameter must be there before its binding. */
  readonly objects: readonly KubeObject[];
  readonly policies: readonly KubeObject[];
  readonly bindings: readonly KubeObject[];
  readonly forwarder: readonly KubeObject[];
  /** For `--strict`. */
  readonly strict: readonly KubeObject[];
}

export function manifests(parameters: Parameters): Manifests {
  return {
    namespace: osmNamespaceObject(parameters),
    definitions: [egressRolloutDefinition, meshInjectionDefinition(parameters)],
    access: [...reconcilerAccess(parameters), exemptRole],
    objects: [meshInjection(parameters), egressRollout(parameters)],
    policies: [
      osmConfigPolicy(parameters),
      reconcilerPolicy(parameters),
      sidecarConfigPolicy(),
      sidecarGuardPolicy(parameters),
      exemptPolicy(parameters),
      exemptNamespacesPolicy(parameters),
      podPolicy(parameters),
      injectionPolicy(),
    ],
    bindings: [
      osmConfigBinding(),
      reconcilerBinding(),
      sidecarConfigBinding(),
      sidecarGuardBinding(parameters),
      exemptBinding(parameters),
      exemptNamespacesBinding(),
      podPolicyBinding(parameters),
      injectionBinding(parameters),
    ],
    forwarder: parameters.bus
      ? [forwarderAccount(parameters), ...forwarderAccess(parameters), forwarderDeployment(parameters, parameters.bus)]
      : [],
    strict: [strictPolicy(), strictBinding(parameters)],
  };
}

/**
 * All of it as one ordered list, for GitOps and for reading. Of osm-config only what was named: a default would set back a
 * mesh that runs.
 */
export function allObjects(parameters: Parameters): readonly KubeObject[] {
  const steps = manifests(parameters);
  const data = namedValues(parameters);
  return [
    steps.namespace,
    ...steps.definitions,
    ...steps.access,
    ...steps.objects,
    ...steps.policies,
    ...steps.bindings,
    ...(parameters.strict ? steps.strict : []),
    ...(Object.keys(data).length === 0 ? [] : [{ ...osmConfig(parameters), data }]),
    ...steps.forwarder,
  ];
}

/** Everything that an installation can have, whatever its flags were, but for the namespace: others are in that too. */
export function everyObject(place: MeshPlace): readonly KubeObject[] {
  const bus = { eventBusName: "", clusterName: "", region: "" };
  const { namespace: _, ...steps } = manifests({ ...defaults, ...place, bus });
  return Object.values(steps).flat();
}
