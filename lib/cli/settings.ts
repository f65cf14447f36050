/** Whether a failure is to be told with where in osm it came from: for whoever looks for a fault of osm's own. */
export function wantsTrace(): boolean {
  return Boolean(process.env["OSM_STACK"]);
}
