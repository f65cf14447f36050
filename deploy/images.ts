import project from "../package.json" with { type: "json" };

export interface Images {
  /** Envoy, the capture script and what that needs. */
  readonly sidecar: string;
  /** `osm forward`. */
  readonly forwarder: string;
}

/** @param registry  where the user's copies are, with its path if any; none: the node's own store or its default registry */
export function images(registry?: string): Images {
  const prefix = registry === undefined || registry === "" ? "" : `${registry.replace(/\/+$/, "")}/`;
  return {
    sidecar: `${prefix}osm-egress/sidecar:${project.version}`,
    forwarder: `${prefix}osm-egress/forwarder:${project.version}`,
  };
}
