import { forwarderAccess as access } from "#lib/forwarder/watched.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { forwarderName } from "#lib/mesh/names.ts";
import type { Parameters } from "../parameters.ts";
import { granted, type Subject } from "./roles.ts";

/** It watches, says that it is well, and nothing else; what it needs stands beside the watches themselves. */
export function forwarderAccess(parameters: Parameters): KubeObject[] {
  const account: Subject = { kind: "ServiceAccount", name: forwarderName, namespace: parameters.osmNamespace };
  return [
    ...granted(forwarderName, account, access.clusterRole.rules),
    ...granted(forwarderName, account, access.role.rules, parameters.osmNamespace),
  ];
}
