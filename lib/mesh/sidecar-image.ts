/** The registry that a sidecar image of our naming is in, with its path if any; undefined when it is none of our naming. */
export function registryOf(sidecarImage: string): string | undefined {
  const found = /^(?:(.+)\/)?osm-egress\/sidecar[:@][^/]+$/.exec(sidecarImage);
  return found ? (found[1] ?? "") : undefined;
}
