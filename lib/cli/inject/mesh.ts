import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { ContainerDefaults, PlainInjection } from "#deploy/injection/plain.ts";
import type { KubeConnection } from "../../kube/connection.ts";
import { readLimitDefaults } from "../../kube/limit-range.ts";
import { readNamespace } from "../../kube/sidecar-pods.ts";
import type { InjectionNamespace } from "../../mesh/injection-rule.ts";
import { annotations, apiVersion, injectionName, labels, type MeshPlace, meshName } from "../../mesh/names.ts";
import { CommandError } from "../failure.ts";
import { installedInjection } from "../namespace-checks.ts";
import { parseManifest, splitDocuments } from "./kubectl-yaml.ts";
import { objectsIn } from "./objects.ts";
import { fieldText } from "./pods.ts";

/** What decides about injection besides the pod. */
export interface InjectingMesh {
  readonly place: MeshPlace;
  readonly injection: PlainInjection;
  /** @returns undefined where there is none of that name */
  namespace(name: string): Promise<InjectionNamespace | undefined>;
  limitDefaults(namespace: string): Promise<ContainerDefaults>;
  /** What of the mesh's settings is not known, for whoever reads the notes. */
  readonly doubt?: string;
}

/** The mesh of a cluster; each namespace is read once. @throws CommandError where none is installed */
export async function meshOfCluster(connection: KubeConnection, osmNamespace: string): Promise<InjectingMesh> {
  const injection = await installedInjection(connection, osmNamespace);
  return {
    place: { meshName: injection.meshName ?? meshName, osmNamespace },
    injection,
    namespace: once((name) => readNamespace(connection, name)),
    limitDefaults: once((name) => readLimitDefaults(connection, name)),
  };
}

function once<T>(read: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const begun = new Map<string, Promise<T>>();
  return (name) => {
    const known = begun.get(name) ?? read(name);
    begun.set(name, known);
    return known;
  };
}

/**
 * The mesh that a file describes, without a cluster: every namespace counts as a member with injection enabled, but those
 * that no mesh takes, and as one without LimitRanges.
 *
 * @param file  a manifest with a MeshInjection among its objects: a cluster's, or what `osm install --dry-run` prints
 */
export async function meshOfFile(file: string, osmNamespace: string): Promise<InjectingMesh> {
  const { metadata, spec } = await meshInjectionIn(file, osmNamespace);
  const place = { meshName: spec.meshName ?? meshName, osmNamespace: metadata?.namespace ?? osmNamespace };
  return {
    place,
    injection: spec,
    namespace: async (name) => ({
      name,
      labels: { [labels.monitoredBy]: place.meshName },
      annotations: { [annotations.injection]: "enabled" },
    }),
    limitDefaults: async () => ({ limits: {}, requests: {} }),
    // Only a cluster's has them, whatever they are; an installation's own manifests have the image alone.
    ...(spec.serviceRanges === undefined ? { doubt: doubtText(file, place.osmNamespace) } : {}),
  };
}

function doubtText(file: string, osmNamespace: string): string {
  return `${file}: this MeshInjection is not a cluster's: what osm-config says of exclusions, log level and resources is not in it, nor the Service range that a pod's exclusions keep out of; from a mesh that runs: ${getInjection(osmNamespace)}`;
}

function getInjection(osmNamespace: string): string {
  return `kubectl get meshinjection ${injectionName} -n ${osmNamespace} -o yaml`;
}

interface MeshInjection {
  readonly metadata?: { readonly namespace?: string };
  readonly spec: PlainInjection;
}

const text = z.string().min(1);
const meshInjection = z.looseObject({
  metadata: z.looseObject({ namespace: text.optional() }).optional(),
  spec: z.looseObject({
    meshName: text.optional(),
    images: z.looseObject({ sidecar: text }),
    envoyLogLevel: text.optional(),
    excludedRanges: z.array(text).optional(),
    excludedPorts: z.array(z.int()).optional(),
    serviceRanges: z.array(text).optional(),
    systemServices: z.array(text).optional(),
    sidecarResources: z.record(z.string(), text).optional(),
    configNames: z.record(z.string(), text).optional(),
  }),
});

async function meshInjectionIn(file: string, osmNamespace: string): Promise<MeshInjection> {
  const values = splitDocuments(await readText(file)).map((document) => {
    const parsed = parseManifest(document);
    if ("value" in parsed) return parsed.value;
    throw new CommandError(`${file}: ${parsed.fault}`, "put that right");
  });
  const found = values
    .flatMap(objectsIn)
    .find((object) => object.kind === "MeshInjection" && object.apiVersion === apiVersion);
  const remedy = `${getInjection(osmNamespace)} writes one; before the first installation: osm install --dry-run --image-registry REGISTRY`;
  if (!found) throw new CommandError(`${file}: there is no MeshInjection of ${apiVersion} in it`, remedy);
  const [issue] = meshInjection.safeParse(found).error?.issues ?? [];
  if (!issue) return found as unknown as MeshInjection;
  throw new CommandError(`${file}: ${fieldText(issue.path as (string | number)[])}: ${issue.message}`, remedy);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new CommandError(`${file}: ${(cause as NodeJS.ErrnoException).code}`, "give a file that you may read", cause);
  }
}
