import { manifests } from "#deploy/manifests.ts";
import { osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { EgressError } from "../errors.ts";
import { type KubeConnection, metadataOnly } from "../kube/connection.ts";
import { objectPath } from "../kube/kinds.ts";
import { type KubeObject, namesObject } from "../kube/objects.ts";
import { osmConfigName } from "../mesh/names.ts";
import { CommandError } from "./failure.ts";
import { type InstalledPlace, injectingPlace } from "./installed-place.ts";
import { versionOf } from "./policy-api.ts";

/** What `osm install` has made, as far as one may see it; the forwarder and strict mode are nobody's need. */
export interface MeshParts {
  readonly found: readonly KubeObject[];
  readonly missing: readonly KubeObject[];
}

const maxNamed = 5;

/** Looks at each by its name. What may not be read, or what this API server does not serve, counts as neither. */
export async function readMeshParts(connection: KubeConnection, osmNamespace: string): Promise<MeshParts> {
  const parameters = { ...defaults, osmNamespace };
  const { namespace, definitions, access, objects, policies, bindings } = manifests(parameters);
  const made = [namespace, ...definitions, ...access, ...objects, ...policies, ...bindings];
  const parts: readonly KubeObject[] = [...made, osmConfig(parameters)];
  const states = await Promise.all(parts.map((part) => stateOf(connection, part)));
  return {
    found: parts.filter((_, at) => states[at] === "found"),
    missing: parts.filter((_, at) => states[at] === "missing"),
  };
}

async function stateOf(connection: KubeConnection, part: KubeObject): Promise<"found" | "missing" | "unknown"> {
  const { status, text } = await connection.send({
    method: "GET",
    path: objectPath(part),
    accept: metadataOnly.object,
  });
  if (status === 200) return "found";
  if (status !== 404) return "unknown";
  // An older API server has no such policies at all; our own kinds are ours to define.
  const isOurs = !part.apiVersion.startsWith("admissionregistration.k8s.io/");
  return isOurs || namesObject(text) ? "missing" : "unknown";
}

/** @throws CommandError when something is missing that `osm install` has made, or would make */
export async function expectInstalled(connection: KubeConnection, osmNamespace: string): Promise<void> {
  const parts = await readMeshParts(connection, osmNamespace);
  // osm-config may be its owner's to bring; until then the mesh keeps what it runs.
  const missing = parts.missing.filter(({ kind }) => kind !== "ConfigMap");
  if (missing.length > 0) throw await explainMissing(connection, osmNamespace, { ...parts, missing });
}

/** For whoever has found a part of the mesh missing: the whole of what is. @param needed  that part, for the message */
export async function notInstalled(
  connection: KubeConnection,
  osmNamespace: string,
  needed: string,
): Promise<CommandError> {
  return (
    (await missingPart(connection, osmNamespace)) ?? new CommandError(`${needed} is not there`, "run: osm install")
  );
}

/** @returns undefined when nothing is missing, as far as one may see */
export async function missingPart(connection: KubeConnection, osmNamespace: string): Promise<CommandError | undefined> {
  const parts = await readMeshParts(connection, osmNamespace);
  return parts.missing.length > 0 ? explainMissing(connection, osmNamespace, parts) : undefined;
}

async function explainMissing(
  connection: KubeConnection,
  osmNamespace: string,
  { found, missing }: MeshParts,
): Promise<CommandError> {
  const other = await meshElsewhere(connection, osmNamespace);
  if (other?.osmNamespace !== undefined) {
    return new CommandError(
      `mesh ${other.meshName ?? "?"} of this cluster is in namespace ${other.osmNamespace}, not in ${osmNamespace}`,
      `give --osm-namespace ${other.osmNamespace}`,
    );
  }
  const [first] = missing;
  if (missing.length === 1 && first?.kind === "ConfigMap") {
    return new CommandError(
      `ConfigMap ${osmNamespace}/${osmConfigName} is not there; the mesh keeps what it ran last`,
      "make it anew with the value that you want: osm install --enable-egress=BOOL",
    );
  }
  if (found.every(({ kind }) => kind === "Namespace")) {
    // Anything else than an API server has no mesh either.
    await versionOf(connection);
    return new CommandError(
      `no mesh is installed in namespace ${osmNamespace}: there is not even ${partText(missing)}`,
      "run: osm install",
    );
  }
  return new CommandError(
    `the mesh in namespace ${osmNamespace} is only half installed; missing: ${partText(missing)}`,
    "run: osm install, which puts back what is missing and leaves values as they are",
  );
}

function partText(missing: readonly KubeObject[]): string {
  const named = missing.slice(0, maxNamed).map(({ kind, metadata: { name, namespace } }) => {
    return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
  });
  const more = missing.length > maxNamed ? `, and ${missing.length - maxNamed} more` : "";
  return `${named.join(", ")}${more}`;
}

async function meshElsewhere(connection: KubeConnection, osmNamespace: string): Promise<InstalledPlace | undefined> {
  const found = await injectingPlace(connection).catch((error: unknown) => {
    // Who may not look at the binding may still be told the rest.
    if (error instanceof EgressError && error.reason === "api-forbidden") return undefined;
    throw error;
  });
  return found?.osmNamespace === osmNamespace ? undefined : found;
}

/** For a command that was told another mesh's name than the one of this cluster. */
export function otherMesh(installed: string, named: string): CommandError {
  return new CommandError(
    `the mesh of this cluster is named ${installed}, not ${named}`,
    `give --mesh-name ${installed}`,
  );
}
