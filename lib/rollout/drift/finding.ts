/** Something in the cluster that is not as the mesh wants it. Texts are for people, and cut. */
export interface Finding {
  /** Kind and name, e.g. `ConfigMap shop/osm-sidecar.web` or `ClusterRole osm-reconciler`; at most 512 characters. */
  readonly object: string;
  /** What of it, e.g. `data.lds.json` or `spec.validations[2].expression`; empty for the object itself. At most 256. */
  readonly field: string;
  /** At most 128 characters each; `nothing` where something is missing. */
  readonly wanted: string;
  readonly found: string;
  /** Field manager that wrote what was found. Absent: it left no trace. */
  readonly by?: string;
  /** When it came about, RFC 3339: not before `after`, as far as that is known, and not after `before`. */
  readonly since: { readonly after?: string; readonly before: string };
  /** What a person runs to put it right. Absent: the reconciler does. */
  readonly repair?: string;
}

export const maxTextLength = 128;

/** In one line, for events and messages. */
export function findingText({ field, wanted, found, by }: Finding): string {
  const where = field === "" ? "" : `${field}: `;
  return `${where}wanted ${wanted}, found ${found}${by === undefined ? "" : `, by ${by}`}`;
}
