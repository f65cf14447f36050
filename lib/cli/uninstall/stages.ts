import { injectionPolicyName } from "#deploy/injection/policy.ts";
import { everyObject } from "#deploy/manifests.ts";
import { defaults } from "#deploy/parameters.ts";
import { reconcilerPolicy } from "#deploy/policies/reconciler.ts";
import { sidecarConfigPolicy } from "#deploy/policies/sidecar-config.ts";
import type { KubeConnection } from "../../kube/connection.ts";
import { objectPath } from "../../kube/kinds.ts";
import { type KubeObject, read } from "../../kube/objects.ts";
import { gitopsOwners, ownerText } from "../../mesh/gitops-owner.ts";
import { apiVersion, forwarderName, type MeshPlace } from "../../mesh/names.ts";
import { objectName } from "../../rollout/drift/guard-object.ts";
import { findObsolete } from "../obsolete.ts";
import type { ObjectRef } from "../remove-object.ts";

/**
 * In the order in which they go. Nothing new is injected first; then nobody tells of changes; then the bindings, each
 * before its policy; then the reconciler's rights, and last what bounds them and what keeps out a pass that was frozen and
 * is woken in between; with the definitions go their objects.
 */
export type Stage = "injection" | "forwarder" | "bindings" | "policies" | "access" | "bounds" | "definitions";

/** What is there of an installation. */
export interface Inventory {
  /** Each stage's objects, in the order in which they go. */
  readonly byStage: Readonly<Record<Stage, readonly ObjectRef[]>>;
  /** Of one of our names, and somebody else's: it stays. */
  readonly foreign: readonly ObjectRef[];
  /** `Kind name` or `Kind namespace/name` of everything in the stages. */
  readonly names: ReadonlySet<string>;
  /** GitOps tools that have applied some of it, and will again. */
  readonly owners: readonly string[];
}

/** A few dozen reads. */
export async function readInventory(connection: KubeConnection, place: MeshPlace): Promise<Inventory> {
  const expected = everyObject(place).filter((object) => !isCustom(object));
  const found = await Promise.all(expected.map((object) => read<KubeObject>(connection, objectPath(object))));
  const there = found.filter((object) => object !== undefined);
  const foreign = there.filter(isForeign);
  const ours = [...there.filter((object) => !isForeign(object)), ...(await findObsolete(connection, place))];
  const of = (stage: Stage) => ours.filter((object) => stageOf(object) === stage).toSorted(bindingsFirst);
  const byStage: Inventory["byStage"] = {
    injection: of("injection"),
    forwarder: of("forwarder"),
    bindings: of("bindings"),
    policies: of("policies"),
    access: of("access"),
    bounds: of("bounds"),
    definitions: of("definitions"),
  };
  return { byStage, foreign, names: new Set(ours.map(objectName)), owners: ownersOf(there) };
}

function ownersOf(objects: readonly KubeObject[]): readonly string[] {
  const owners = objects.flatMap(({ metadata }) =>
    gitopsOwners(metadata["labels"] as Texts | undefined, metadata["annotations"] as Texts | undefined),
  );
  return [...new Set(owners.map(ownerText))].sort();
}

type Texts = Readonly<Record<string, string>>;

/** They go with their definitions. */
function isCustom(object: ObjectRef): boolean {
  return object.apiVersion === apiVersion;
}

/** `osm install` leaves a Deployment of the forwarder's name alone that it has not made; its account likewise. */
function isForeign({ kind, metadata }: KubeObject): boolean {
  if (kind !== "Deployment" && kind !== "ServiceAccount") return false;
  const { "app.kubernetes.io/part-of": partOf } = (metadata["labels"] ?? {}) as Texts;
  return partOf !== "osm";
}

const boundsReconciler: ReadonlySet<string> = new Set([
  reconcilerPolicy(defaults).metadata.name,
  sidecarConfigPolicy().metadata.name,
]);

function stageOf({ kind, metadata: { name } }: ObjectRef): Stage {
  if (kind === "CustomResourceDefinition") return "definitions";
  // Both policies of the name: what pods get, and what is asked of them with it.
  if (name === injectionPolicyName) return "injection";
  // The forwarder's roles have its name.
  if (name === forwarderName) return "forwarder";
  if (kind.startsWith("ValidatingAdmissionPolicy") && boundsReconciler.has(name)) return "bounds";
  if (kind === "ValidatingAdmissionPolicyBinding") return "bindings";
  return kind === "ValidatingAdmissionPolicy" ? "policies" : "access";
}

/** A binding without its policy would be an error at every request that it matches; a Deployment needs its account. */
function bindingsFirst(left: ObjectRef, right: ObjectRef): number {
  const rank = ({ kind }: ObjectRef) => (kind.endsWith("Binding") || kind === "Deployment" ? 0 : 1);
  return rank(left) - rank(right);
}
