import type { KubeConnection } from "../../kube/connection.ts";
import { type MeshPlace, osmConfigName } from "../../mesh/names.ts";
import { CommandError } from "../failure.ts";
import type { Step } from "../progress.ts";
import { type LeftWorkload, podCount, readSidecarOwners } from "../sidecar-owners.ts";
import { closedPods, podsWithout, removeSidecarConfigs } from "./configs.ts";
import type { Undone } from "./opening.ts";
import { refusalOf, waitForGoing } from "./pods.ts";
import { type Removing, removeInjection, removeRest, removeStage } from "./removal.ts";
import type { UninstallReport } from "./report.ts";
import { checkMayRemove } from "./rights.ts";
import type { Stage } from "./stages.ts";
import { lookAround, mayWriteAsReconciler, openSidecarConfigs, ownersNote, type Surroundings } from "./surroundings.ts";
import { Tenure } from "./tenure.ts";

export interface UninstallTask {
  readonly place: MeshPlace;
  /** As the person. */
  readonly connection: KubeConnection;
  /** As the reconcilers' group, which alone writes sidecar ConfigMaps. */
  readonly reconciler: KubeConnection;
  readonly force: boolean;
  /** Whoever runs it says that no GitOps tool brings anything back meanwhile. */
  readonly gitopsSuspended: boolean;
  readonly dryRun: boolean;
  /** Aborted when somebody wants it to end; goes on all the same where there is no way back. */
  readonly interrupted?: AbortSignal;
}

/** One `osm uninstall`. */
export class Uninstallation {
  readonly #task: UninstallTask;
  #around: Surroundings | undefined;
  #tenure: Tenure | undefined;
  #outcome: UninstallReport["outcome"] = "failed";
  #undone: Undone | undefined;
  /** From here on nobody has the right to close a sidecar again. */
  #isFinal = false;
  readonly #removed: string[] = [];
  #left: readonly string[] = [];
  #workloads: readonly LeftWorkload[] = [];
  readonly #notes: string[] = [];

  constructor(task: UninstallTask) {
    this.#task = task;
  }

  /** Each needs what those before it did. */
  get steps(): readonly Step[] {
    const looks: readonly Step[] = [
      { title: "Mesh", run: () => this.#look() },
      { title: "Pods with a sidecar", run: (say) => this.#checkPods(say) },
    ];
    if (this.#task.dryRun) return looks;
    return [
      ...looks,
      { title: "Lease", run: (say) => this.#takeLease(say) },
      ...(this.#task.force ? [{ title: "Egress", run: (say: Say) => this.#open(say) }] : []),
      { title: "Injection", run: (say) => this.#stopInjection(say) },
      { title: "Sidecar ConfigMaps", run: () => this.#removeConfigs() },
      { title: "Forwarder", run: () => this.#remove("forwarder") },
      { title: "Admission policies", run: () => this.#remove("bindings", "policies") },
      { title: "Access of the reconciler", run: () => this.#removeAccess() },
      { title: "Custom resources", run: () => this.#remove("definitions") },
      { title: "What passes have left", run: () => this.#removeRest() },
    ];
  }

  /** Undefined while nobody knows what there is. */
  get report(): UninstallReport | undefined {
    if (!this.#around) return undefined;
    const { meshName, osmNamespace } = this.#task.place;
    return {
      mesh: meshName,
      namespace: osmNamespace,
      outcome: this.#outcome,
      ...(this.#tenure?.opening?.opened ? { opened: this.#tenure.opening.opened } : {}),
      ...(this.#undone ? { undone: this.#undone } : {}),
      removed: this.#outcome === "planned" ? [...this.#around.inventory.names] : this.#removed,
      kept: [...this.#around.kept, ...this.#left.map((key) => `ConfigMap ${key}`)],
      workloads: this.#workloads,
      notes: this.#notes,
    };
  }

  /**
   * After the steps, however they ended: lets the Lease go, if it is still there, and undoes an opening that has come to
   * nothing.
   */
  async end(): Promise<void> {
    const begun = this.#tenure?.opening?.begun;
    if (this.#outcome !== "failed" || !begun) return this.#tenure?.release();
    if (this.#isFinal) {
      this.#notes.push(
        `${begun.sidecars} sidecars are open, and nobody has the right to close them any more: osm uninstall --force goes on from here; osm install goes back.`,
      );
      return;
    }
    process.stderr.write("Egress: bringing back what was opened\n");
    this.#undone = await this.#tenure?.undo();
  }

  get #seen(): Surroundings {
    if (!this.#around) throw new Error("nobody has looked yet");
    return this.#around;
  }

  async #look(): Promise<string> {
    const { connection, place, dryRun } = this.#task;
    this.#around = await lookAround(connection, place);
    const { inventory, notes } = this.#around;
    this.#notes.push(...notes);
    if (dryRun) this.#outcome = "planned";
    else await this.#checkMayBegin(this.#around);
    const what = `mesh [${place.meshName}] in namespace [${place.osmNamespace}]`;
    if (inventory.names.size === 0) return `nothing is installed of ${what}`;
    const owned = inventory.owners.length === 0 ? "" : `; ${ownersNote(inventory.owners)}`;
    return `${what}, ${inventory.names.size} objects${owned}`;
  }

  /** @throws before anything is changed */
  async #checkMayBegin(around: Surroundings): Promise<void> {
    const { connection, place, force, gitopsSuspended } = this.#task;
    const { owners } = around.inventory;
    if (force && owners.length > 0 && !gitopsSuspended) {
      this.#outcome = "refused";
      throw new CommandError(
        `${owners.join(", ")} has applied the mesh, and would bring it back in the middle of this: what is opened would be closed again`,
        "take the mesh out there, or suspend it; then: osm uninstall --force --gitops-suspended",
      );
    }
    await checkMayRemove(connection, place, around);
  }

  get #isInstalled(): boolean {
    return this.#seen.inventory.names.size > 0;
  }

  async #checkPods(say: Say): Promise<string> {
    const { connection, force, dryRun } = this.#task;
    this.#workloads = await readSidecarOwners(connection);
    const count = podCount(this.#workloads);
    if (!this.#isInstalled && count > 0) await this.#noteClosed();
    if (dryRun || force || !this.#isInstalled) return String(count);
    if (count > 0) {
      this.#outcome = "refused";
      throw refusalOf(this.#workloads, this.#seen.namespaces);
    }
    await waitForGoing(connection, say);
    return "none";
  }

  /** What was deleted by hand cannot open a sidecar; one that an earlier run has opened need not be. */
  async #noteClosed(): Promise<void> {
    const closed = await closedPods(this.#task.connection, this.#task.place);
    if (closed.length === 0) return;
    this.#notes.push(
      `${closed.length} pods have a sidecar that still refuses what it did, and nothing is installed that could open it: osm install, then osm uninstall --force.`,
    );
  }

  async #takeLease(say: Say): Promise<string> {
    const { connection, reconciler, place } = this.#task;
    const asGroup = mayWriteAsReconciler(this.#seen.inventory, place);
    this.#tenure = new Tenure(asGroup ? reconciler : connection, place);
    const isNeeded = this.#isInstalled && this.#seen.hasNamespace;
    if (isNeeded) {
      say("waiting until no pass is writing");
      await this.#tenure.begin();
    }
    if (!asGroup) await openSidecarConfigs(this.#removing);
    return isNeeded ? "taken: no pass writes from now on" : "not needed: nobody else has a right to write";
  }

  async #open(say: Say): Promise<string> {
    if (this.#workloads.length === 0) return "no sidecar to open";
    if (!this.#isInstalled) return "nothing is installed that could open a sidecar";
    if (!this.#tenure) throw new Error("nobody has taken the Lease yet");
    const { osmNamespace } = this.#task.place;
    const { verified, total } = await this.#tenure.open(say);
    this.#notes.push(
      `${osmNamespace}/${osmConfigName} is as it was: it is yours, nobody reads it any more, and a later osm install goes by it.`,
    );
    return `${verified} of ${total} sidecars have answered that they refuse nothing any more`;
  }

  async #stopInjection(say: Say): Promise<string> {
    const text = await removeInjection(this.#removing, this.#seen, say);
    // In this moment, and to pods that were created before it.
    const before = podCount(this.#workloads);
    this.#workloads = await readSidecarOwners(this.#task.connection);
    const count = podCount(this.#workloads);
    if (this.#task.force || !this.#isInstalled || before > 0 || count === 0) return text;
    throw new CommandError(
      `${count} pods have got a sidecar since this command began; injection is off, and the rest of the mesh is there`,
      "give them successors without one, and run osm uninstall again; osm install goes back",
    );
  }

  async #removeConfigs(): Promise<string> {
    const { connection, place } = this.#task;
    const { ports } = this.#tenure ?? new Tenure(connection, place);
    const { removed, left } = await removeSidecarConfigs(connection, ports, place, () => this.#keepLease());
    this.#removed.push(...removed.map((key) => `ConfigMap ${key}`));
    this.#left = left;
    // Whoever was on the way in while injection was taken up is there by now.
    this.#workloads = await readSidecarOwners(connection);
    const stranded = await podsWithout(connection, new Set(removed));
    if (stranded.length > 0) {
      this.#notes.push(
        `${stranded.join(", ")} came with a sidecar meanwhile, whose ConfigMap is gone: delete them, and create them again.`,
      );
    }
    const stay = left.length === 0 ? "" : `; ${left.length} stay for pods that mount them`;
    return `${removed.length} removed${stay}`;
  }

  async #remove(...wanted: readonly Stage[]): Promise<string> {
    const before = this.#removed.length;
    for (const stage of wanted) await removeStage(this.#removing, this.#seen.inventory.byStage[stage], this.#notes);
    return `${this.#removed.length - before} removed`;
  }

  async #removeAccess(): Promise<string> {
    this.#isFinal = true;
    return this.#remove("access", "bounds");
  }

  async #removeRest(): Promise<string> {
    this.#tenure?.forget();
    const before = this.#removed.length;
    if (this.#seen.hasNamespace) await removeRest(this.#removing);
    this.#outcome = this.#isInstalled ? "uninstalled" : "nothing-installed";
    return `${this.#removed.length - before} removed`;
  }

  get #removing(): Removing {
    const { connection, place } = this.#task;
    return { connection, place, removed: this.#removed, keepLease: () => this.#keepLease() };
  }

  async #keepLease(): Promise<void> {
    if (!this.#isFinal) this.#task.interrupted?.throwIfAborted();
    await this.#tenure?.keep(this.#removed);
  }
}

type Say = (state: string) => void;
