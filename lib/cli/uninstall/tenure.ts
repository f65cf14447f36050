import { randomUUID } from "node:crypto";
import { clusterPorts } from "../../kube/cluster-ports.ts";
import type { KubeConnection } from "../../kube/connection.ts";
import { leaseName, type MeshPlace } from "../../mesh/names.ts";
import { holdLease } from "../../reconcile/hold-lease.ts";
import type { LeaseInHand } from "../../reconcile/lease-in-hand.ts";
import type { Opened } from "../../reconcile/open-all.ts";
import type { ClusterPorts } from "../../reconcile/ports.ts";
import { explainImpersonation } from "../cluster-options.ts";
import { CommandError } from "../failure.ts";
import { troubleLog } from "../json-log.ts";
import { Opening, type Undone } from "./opening.ts";

/** Longer than a pass holds the Lease, and than a dead one's lasts. */
const leaseWaitMs = 60_000;

/** An uninstallation's time with the Lease, and what it writes as the reconciler meanwhile. */
export class Tenure {
  readonly #place: MeshPlace;
  readonly ports: ClusterPorts;
  #lease: LeaseInHand | undefined;
  #opening: Opening | undefined;

  /** @param connection  of whoever may write sidecar ConfigMaps */
  constructor(connection: KubeConnection, place: MeshPlace) {
    this.#place = place;
    this.ports = clusterPorts(connection, place, `uninstall-${randomUUID()}`);
  }

  get opening(): Opening | undefined {
    return this.#opening;
  }

  /** @throws CommandError where somebody else keeps it */
  async begin(): Promise<void> {
    this.#lease = await holdLease(this.ports, leaseWaitMs).catch((error: unknown) => {
      throw explainImpersonation(error);
    });
    if (this.#lease) return;
    throw new CommandError(
      `another pass has held the Lease for ${leaseWaitMs / 1000} s`,
      `see who: kubectl get lease -n ${this.#place.osmNamespace} osm-reconciler -o yaml; nothing is removed yet`,
    );
  }

  /** @throws EgressError as `openAll` does */
  open(say: (state: string) => void): Promise<Opened> {
    const { osmNamespace } = this.#place;
    if (!this.#lease) {
      throw new CommandError(
        `namespace ${osmNamespace} is gone, and with it the Lease under which sidecars could be opened`,
        `kubectl create namespace ${osmNamespace}, then again`,
      );
    }
    const log = troubleLog();
    this.#opening = new Opening(this.ports, this.#lease, log);
    return this.#opening.run(say);
  }

  /** @throws CommandError when it is somebody else's by now */
  async keep(removed: readonly string[]): Promise<void> {
    // With this goes the right to it, its holder's and everybody else's.
    if (!this.#lease || removed.includes(`RoleBinding ${this.#place.osmNamespace}/${leaseName}`)) return;
    if ((await this.#lease.keep()) === "held") return;
    this.#lease = undefined;
    throw new CommandError(
      "somebody else has taken the Lease meanwhile, and may write sidecar ConfigMaps",
      "run osm uninstall again: it goes on where it stopped",
    );
  }

  /** Nobody has the right to take it any more. */
  forget(): void {
    this.#lease = undefined;
  }

  /** Where nothing is open, or all is for good. */
  async release(): Promise<void> {
    // Where even that fails it expires, and why the steps failed says more.
    await this.#lease?.release().catch(() => undefined);
    this.#lease = undefined;
  }

  /** Of an opening that has begun. */
  async undo(): Promise<Undone | undefined> {
    this.#lease = undefined;
    return this.#opening?.undo();
  }
}
