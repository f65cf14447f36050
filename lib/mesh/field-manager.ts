/** Field manager of what people change with this command line. */
export const commandManager = "osm-install";

/** A person at a command line; any other manager keeps its value somewhere else and will write it again. */
export function isPerson(manager: string): boolean {
  return /^(osm|osm-install|kubectl(-.*)?)$/.test(manager);
}
