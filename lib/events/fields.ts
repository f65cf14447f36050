import * as z from "zod";

/** EKS's own rule for names. */
export const clusterName = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/, "not an EKS cluster name");

/** `shop`, or with the account that it is in, `222233334444/shop`. */
export const clusterId = z
  .string()
  .regex(/^(?:\d{12}\/)?[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/, "neither NAME nor ACCOUNT/NAME of an EKS cluster");

/** AWS's own rule. */
export const accountId = z.string().regex(/^\d{12}$/, "not an AWS account's twelve digits");

/** On the EKS clusters that are ours to reconcile, with the value `true`, or a deployment's name. */
export const managedTag = "osm-egress/managed";
/** On those of them that are reached by a role of their own: its ARN. */
export const roleTag = "osm-egress/role";

/** Bounds on what others send: a field ends up in status, history and logs. */
export const shortText = z.string().min(1).max(256);

/** Carried by every event of ours under `detail.metadata`. */
export const metadata = z.object({
  /** Unique per event, so the same one twice is a duplicate; names the change in every log from here on. */
  id: z.string().regex(/^[\w-]{1,64}$/, "not up to 64 letters, digits, - and _"),
  version: z.literal(1),
  cluster: clusterId,
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
