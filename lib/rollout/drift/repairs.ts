import { forwarderName, type MeshPlace, meshPlace } from "../../mesh/names.ts";

/** @param flags  what it must be told; everything else it keeps as it is */
export function installCommand(place: MeshPlace, ...flags: readonly string[]): string {
  return ["osm install", ...meshFlags(place), ...flags].join(" ");
}

/** Restarts what has no sidecar, or an old one; the mesh's name it reads itself. */
export function restartCommand({ osmNamespace }: MeshPlace): string {
  return ["osm restart --outdated", ...meshFlags({ meshName: meshPlace.meshName, osmNamespace })].join(" ");
}

/** Where the API server does not inject: a restart would bring pods as their template has them. */
export function injectCommand({ osmNamespace }: MeshPlace): string {
  const flags = meshFlags({ meshName: meshPlace.meshName, osmNamespace });
  return ["osm inject -f FILE", ...flags, "| kubectl apply -f -"].join(" ");
}

/** Writes back what is only detected, or waits for its backoff. */
export function correctCommand(place: MeshPlace): string {
  return ["osm reconcile --correct", ...meshFlags(place)].join(" ");
}

/** Looks again: a drift pass from where it is typed. */
export function lookCommand(place: MeshPlace): string {
  return ["osm reconcile", ...meshFlags(place)].join(" ");
}

export function restartForwarderCommand({ osmNamespace }: MeshPlace): string {
  return `kubectl rollout restart deployment/${forwarderName} -n ${osmNamespace}`;
}

/** For everything that is not in this alphabet the shell has a meaning of its own. */
export function shellWord(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function meshFlags({ meshName, osmNamespace }: MeshPlace): readonly string[] {
  return [
    ...(meshName === meshPlace.meshName ? [] : [`--mesh-name ${meshName}`]),
    ...(osmNamespace === meshPlace.osmNamespace ? [] : [`--osm-namespace ${osmNamespace}`]),
  ];
}
