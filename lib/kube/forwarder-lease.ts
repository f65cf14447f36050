import { forwarderName } from "../mesh/names.ts";
import type { KubeConnection } from "./connection.ts";
import { microTime, ServerClock } from "./lease.ts";
import { apply, failure } from "./objects.ts";

/** As the API server takes a Lease; who holds it and for how long is for people, nothing competes for it. */
const durationSeconds = 180;
/** A clock that is off by more than this would be taken for silence, or hide it. */
const tolerableMs = 2_000;

interface ForwarderLease {
  readonly spec?: { readonly renewTime?: string };
}

export function forwarderLeasePath(osmNamespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${osmNamespace}/leases/${forwarderName}`;
}

/**
 * The forwarder's sign of health: renews its Lease, and makes it where there is none.
 *
 * By server-side apply: unlike POST it names the object, so RBAC can hold the right to create to this one name.
 *
 * @param holder  who it is, for people
 * @returns       renews once. @throws EgressError when the API server did not take it
 */
export function forwarderHeartbeat(
  connection: KubeConnection,
  osmNamespace: string,
  holder: string,
): () => Promise<void> {
  const clock = new ServerClock();
  return async () => {
    const writtenMs = await renew();
    // The first answer tells the API server's time.
    if (Math.abs(clock.nowMs() - writtenMs) > tolerableMs) await renew();
  };

  async function renew(): Promise<number> {
    const nowMs = clock.nowMs();
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: durationSeconds,
      renewTime: microTime(nowMs),
    };
    const metadata = { name: forwarderName, namespace: osmNamespace };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    clock.learn(await apply(connection, forwarderLeasePath(osmNamespace), lease, { manager: forwarderName }));
    return nowMs;
  }
}

/** When the forwarder last said that it is well, ms since the epoch; undefined: never. The clock learns the server's time. */
export async function readForwarderRenewal(
  connection: KubeConnection,
  osmNamespace: string,
  clock: ServerClock,
): Promise<number | undefined> {
  const request = { method: "GET", path: forwarderLeasePath(osmNamespace) } as const;
  const response = await connection.send(request);
  clock.learn(response);
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw failure(request, response);
  const renewedAtMs = Date.parse((JSON.parse(response.text) as ForwarderLease).spec?.renewTime ?? "");
  return Number.isNaN(renewedAtMs) ? undefined : renewedAtMs;
}
