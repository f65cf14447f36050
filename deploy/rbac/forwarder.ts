import { forwarderAccess as access } from "#lib/forwarder/watched.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import type { Parameters } from "../parameters.ts";
import { granted, type Subject } from "./roles.ts";

export const forwarderName = "osm-forwarder";

/** It watches and nothing else; what it needs stands beside the watches themselves. */
export function forwarderAccess(parameters: Parameters): KubeObject[] {
  const account: Subject = { kind: "ServiceAccount", name: forwarderName, namespace: parameters.osmNamespace };
  return [
    ...granted(forwarderName, account, access.clusterRole.rules),
    ...granted(forwarderName, account, access.role.rules, parameters.osmNamespace),
  ];
}
