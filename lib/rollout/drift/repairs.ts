import { forwarderName, type MeshPlace, meshPlace } from "../../mesh/names.ts";

/** @param flags  what it must be told; everything else it keeps as it is */
export function installCommand(place: MeshPlace, ...flags: readonly string[]): string {
  return ["osm install", ...meshFlags(place), ...flags].join(" ");
}

/** Restarts what has no sidecar, or an old one. */
export function restartCommand(place: MeshPlace): string {
  return ["osm restart --outdated", ...meshFlags(place)].join(" ");
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
