import * as z from "zod";

/** EKS's own rule for names. */
export const clusterName = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/, "not an EKS cluster name");

/** On the EKS clusters that are ours to reconcile, with the value `true`. */
export const managedTag = "osm-egress/managed";

/** Bounds on what others send: a field ends up in status, history and logs. */
export const shortText = z.string().min(1).max(256);

/** Carried by every event of ours under `detail.metadata`. */
export const metadata = z.object({
  /** Unique per event; the same one twice is a duplicate. */
  id: shortText,
  version: z.literal(1),
  cluster: clusterName,
  /** ISO 8601, UTC, milliseconds: when the sender saw what it reports. */
  time: z.iso.datetime(),
});
export type Metadata = z.infer<typeof metadata>;

/** One event as it is put onto the bus. */
export interface BusEntry {
  readonly source: string;
  readonly detailType: string;
  readonly detail: { readonly metadata: Metadata; readonly [field: string]: unknown };
}
