/** Field manager of what makes up the mesh: an installation applies all of it, and later takes away what it no longer has. */
export const installManager = "osm-install";

/** Of single changes that people make by this command line: the switch, a namespace's membership, a restart. */
export const changeManager = "osm";

/** A person at a command line; any other manager keeps its value somewhere else and will write it again. */
export function isPerson(manager: string): boolean {
  return manager === installManager || manager === changeManager || /^kubectl(-.*)?$/.test(manager);
}
