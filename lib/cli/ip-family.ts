import type { KubeConnection } from "../kube/connection.ts";
import { read } from "../kube/objects.ts";
import { CommandError } from "./failure.ts";

/** Every cluster has this Service, in its first IP family. */
const path = "/api/v1/namespaces/default/services/kubernetes";

/** @throws CommandError on an IPv6 cluster: the capture closes IPv6, and a pod without IPv4 has nothing left */
export async function checkIpFamily(connection: KubeConnection): Promise<void> {
  const service = await read<{ readonly spec: { readonly ipFamilies?: readonly string[] } }>(connection, path);
  if (service?.spec.ipFamilies?.[0] !== "IPv6") return;
  throw new CommandError(
    "this is an IPv6 cluster (Service default/kubernetes): pods of the mesh have IPv4 only, and would not start",
    "use a cluster whose first IP family is IPv4; it is chosen when the cluster is created",
  );
}
