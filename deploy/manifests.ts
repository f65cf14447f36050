import type { KubeObject } from "#lib/kube/objects.ts";
import { egressRolloutDefinition } from "./crds/egress-rollout.ts";
import { meshInjectionDefinition } from "./crds/mesh-injection.ts";
import { forwarderAccount, forwarderDeployment } from "./forwarder.ts";
import { podPolicy, podPolicyBinding } from "./injection/pod-policy.ts";
import { injectionBinding, injectionPolicy } from "./injection/policy.ts";
import { egressRollout, meshInjection, namedValues, osmConfig, osmNamespaceObject } from "./osm-config.ts";
import type { Parameters } from "./parameters.ts";
import { osmConfigBinding, osmConfigPolicy } from "./policies/osm-config.ts";
import { reconcilerBinding, reconcilerPolicy } from "./policies/reconciler.ts";
import { strictBinding, strictPolicy } from "./policies/strict.ts";
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
    access: reconcilerAccess(parameters),
    objects: [meshInjection(parameters), egressRollout(parameters)],
    policies: [osmConfigPolicy(parameters), reconcilerPolicy(parameters), podPolicy(), injectionPolicy()],
    bindings: [osmConfigBinding(), reconcilerBinding(), podPolicyBinding(parameters), injectionBinding(parameters)],
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
