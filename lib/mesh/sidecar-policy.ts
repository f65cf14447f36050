/** An in-mesh destination, and whether a given identity may reach it. */
export interface InMeshDestination {
  /** `10.96.0.20/32`. */
  readonly cidr: string;
  /** The Service's port; absent for a whole range. */
  readonly port?: number;
  readonly allowed: boolean;
}

/** What one service account's sidecars do: all that the renderer needs to know. */
export interface SidecarPolicy {
  readonly egress: boolean;
  readonly destinations: readonly InMeshDestination[];
}
