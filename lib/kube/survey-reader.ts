import { EgressError } from "../errors.ts";
import type { InjectionNamespace } from "../mesh/injection-rule.ts";
import { apiGroup, apiVersion, forwarderName, injectionName, labels, type MeshPlace } from "../mesh/names.ts";
import { type GuardObject, isInjecting, objectName } from "../rollout/drift/guard-object.ts";
import { installedImage } from "../rollout/drift/installed-image.ts";
import {
  type Survey,
  type SurveyedForwarder,
  type SurveyedGuard,
  silentMs,
  surveyedLists,
  type Unread,
} from "../rollout/drift/survey.ts";
import { type KubeConnection, metadataOnly } from "./connection.ts";
import { readForwarderRenewal } from "./forwarder-lease.ts";
import { objectPath } from "./kinds.ts";
import type { ServerClock } from "./lease.ts";
import { listAll } from "./list.ts";
import { type KubeObject, read, readServed, type Served } from "./objects.ts";
import { readSurveyedPods } from "./survey-pods.ts";

/** What an installation of this version consists of, but for what is its owner's or a pass's to write. */
export interface Guards {
  readonly always: readonly KubeObject[];
  /** Of `osm install --strict`. */
  readonly strict: readonly KubeObject[];
  /** The forwarder's rights. */
  readonly forwarder: readonly KubeObject[];
}

export interface GuardSource {
  /**
   * @param sidecarImage  of this installation; undefined where nobody knows it
   * @param injects       false: the API server serves no policies that could; the others are then as for that
   */
  guards(place: MeshPlace, sidecarImage: string | undefined, injects?: boolean): Guards;
}

/** What is installed is data beside the library, and who never surveys need not load it. */
export type LoadGuards = () => Promise<GuardSource>;

/**
 * Looks at everything that a pass does not write, with one list of pods, one of namespaces and a read by name for each
 * guard. What cannot be read is named in the survey and fails nothing.
 */
export async function readSurvey(
  connection: KubeConnection,
  place: MeshPlace,
  clock: ServerClock,
  source: GuardSource,
): Promise<Survey> {
  const unread: Unread[] = [];
  const look = lookingInto(unread);
  const lookAt = async (object: Identified) =>
    look(objectName(object), read<GuardObject>(connection, objectPath(object)));
  const lookAtGuard = async (object: Identified) =>
    look(objectName(object), readServed<GuardObject>(connection, objectPath(object)));
  const inOwn = (name: string) => ({ name, namespace: place.osmNamespace });
  // Names do not depend on the image, which is known only when they have been read.
  const { always, strict, forwarder: ofForwarder } = source.guards(place, undefined);
  const named = [...always, ...strict, ...ofForwarder];
  const [looked, injection, deployment, renewal, namespaces, pods] = await Promise.all([
    Promise.all(named.map(async (object) => [objectPath(object), await lookAtGuard(object)] as const)),
    lookAt({ apiVersion, kind: "MeshInjection", metadata: inOwn(injectionName) }),
    lookAt({ apiVersion: "apps/v1", kind: "Deployment", metadata: inOwn(forwarderName) }),
    look(
      objectName({ kind: "Lease", metadata: inOwn(forwarderName) }),
      readForwarderRenewal(connection, place.osmNamespace, clock),
    ),
    look(surveyedLists.namespaces, readMeshNamespaces(connection, place)),
    look(surveyedLists.pods, readSurveyedPods(connection)),
  ]);
  const guardsFound = new Map(looked);
  const image = installedImage(guardsFound.get(injectionDefinitionPath)?.value.object, injection?.value);
  const injects = !always.some((wanted) => isUnservedInjection(wanted, guardsFound));
  const guards = source.guards(place, image.wanted, injects);
  const atMs = clock.nowMs();
  const forwarder = deployment?.value && renewal && forwarderOf(deployment.value, renewal.value);
  return {
    place,
    atMs,
    image,
    injects,
    namespaces: namespaces?.value ?? [],
    pods: pods?.value ?? [],
    guards: pairUp(guards, guardsFound, deployment?.value !== undefined),
    forwarder,
    forwarderSilentMs: silentMs(forwarder, atMs),
    unread: unread.toSorted((left, right) => (left.object < right.object ? -1 : 1)),
  };
}

type Identified = Pick<KubeObject, "apiVersion" | "kind" | "metadata">;

/** What looking brought; the whole of it is undefined where it failed. */
interface Looked<T> {
  readonly value: T;
}

function lookingInto(unread: Unread[]): <T>(object: string, looking: Promise<T>) => Promise<Looked<T> | undefined> {
  return async (object, looking) => {
    try {
      return { value: await looking };
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      unread.push({ object, why: error.message, isForbidden: error.reason === "api-forbidden" });
      return undefined;
    }
  };
}

const injectionDefinitionPath = objectPath({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `meshinjections.${apiGroup}` },
});

type Found = ReadonlyMap<string, Looked<Served<GuardObject>> | undefined>;

/** Nobody can install it there. Other kinds were served when they were installed, so their absence is drift. */
function isUnservedInjection(wanted: KubeObject, guardsFound: Found): boolean {
  return isInjecting(wanted) && guardsFound.get(objectPath(wanted))?.value.served === false;
}

/** Without those that could not be read. */
function pairUp({ always, strict, forwarder }: Guards, guardsFound: Found, hasForwarder: boolean): SurveyedGuard[] {
  const isStrict = strict.some((wanted) => guardsFound.get(objectPath(wanted))?.value.object !== undefined);
  const pair = (some: readonly KubeObject[], rest: Omit<SurveyedGuard, "wanted" | "found">) =>
    some.flatMap((wanted) => {
      const looked = guardsFound.get(objectPath(wanted));
      return looked ? [{ wanted, found: looked.value.object, ...rest }] : [];
    });
  return [
    ...pair(
      always.filter((wanted) => !isUnservedInjection(wanted, guardsFound)),
      { isRequired: true },
    ),
    ...pair(strict, { isRequired: isStrict, flags: ["--strict"] }),
    ...pair(forwarder, { isRequired: hasForwarder }),
  ];
}

function forwarderOf(deployment: GuardObject, renewedAtMs: number | undefined): SurveyedForwarder {
  const { creationTimestamp } = deployment.metadata;
  return { deployedAtMs: Date.parse(String(creationTimestamp)) || 0, renewedAtMs };
}

function readMeshNamespaces(connection: KubeConnection, place: MeshPlace): Promise<readonly InjectionNamespace[]> {
  return listAll(connection, "/api/v1/namespaces", decodeNamespace, {
    query: { labelSelector: `${labels.monitoredBy}=${place.meshName}` },
    accept: metadataOnly.list,
  });
}

/** @returns undefined for one that is being deleted: its pods go with it */
function decodeNamespace(object: unknown): InjectionNamespace | undefined {
  const { metadata } = object as { readonly metadata: InjectionNamespace & { readonly deletionTimestamp?: string } };
  const { name, labels: given = {}, annotations = {}, deletionTimestamp } = metadata;
  return deletionTimestamp === undefined ? { name, labels: given, annotations } : undefined;
}
