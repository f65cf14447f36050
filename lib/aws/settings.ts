import * as z from "zod";
import { EgressError } from "../errors.ts";
import { accountId, clusterName } from "../events/fields.ts";
import { maxLeaseSeconds } from "../mesh/fencing.ts";
import { type MeshPlace, meshPlace } from "../mesh/names.ts";
import { type FleetRoles, fleetRolesOf, roleList } from "./role-list.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const placeFields = {
  OSM_MESH_NAME: z.string().min(1).default(meshPlace.meshName),
  OSM_NAMESPACE: z.string().min(1).default(meshPlace.osmNamespace),
};
function placeOf(env: { readonly OSM_MESH_NAME: string; readonly OSM_NAMESPACE: string }): MeshPlace {
  return { meshName: env.OSM_MESH_NAME, osmNamespace: env.OSM_NAMESPACE };
}

/** The stack's own cluster, which needs no tag; empty where all of them are found by it. */
const ownCluster = z.union([z.literal(""), clusterName]).transform((name) => (name === "" ? [] : [name]));

const fleetFields = { OSM_ACCOUNT_ID: accountId, OSM_FLEET_ROLES: roleList };
function fleetOf(
  env: { readonly OSM_ACCOUNT_ID: string; readonly OSM_FLEET_ROLES: readonly string[] },
  context: z.RefinementCtx,
): FleetRoles {
  return fleetRolesOf(env.OSM_FLEET_ROLES, env.OSM_ACCOUNT_ID, (message) =>
    context.addIssue({ code: "custom", path: ["OSM_FLEET_ROLES"], message }),
  );
}

/** A pass that waits longer for its pods than its function lives would never come to an end. */
const maxDeadlineSeconds = 45;

const timesFields = {
  OSM_VISIBILITY_SECONDS: z.coerce.number().int().min(1).max(43_200),
  OSM_LEASE_SECONDS: z.coerce.number().int().min(1).max(maxLeaseSeconds),
  OSM_DEADLINE_SECONDS: z.coerce.number().int().min(1).max(maxDeadlineSeconds),
};

const reconcile = z
  .object({
    AWS_REGION: z.string().min(1),
    OSM_EVENT_BUS_NAME: z.string().min(1),
    OSM_QUEUE_URL: z.url(),
    OSM_DEAD_LETTER_QUEUE_URL: z.url(),
    ...timesFields,
    OSM_CLUSTER_NAME: ownCluster,
    OSM_CLUSTER_ROLES: roleList,
    OSM_SUBNET_IDS: z.string(),
    ...fleetFields,
    ...placeFields,
  })
  .transform((env, context) => ({
    region: env.AWS_REGION,
    account: env.OSM_ACCOUNT_ID,
    busName: env.OSM_EVENT_BUS_NAME,
    queueUrl: env.OSM_QUEUE_URL,
    deadLetterUrl: env.OSM_DEAD_LETTER_QUEUE_URL,
    /** Reconciled without the tag. */
    ownClusters: env.OSM_CLUSTER_NAME,
    fleetRoles: fleetOf(env, context),
    /** ARNs that a cluster's tag may name. */
    clusterRoles: env.OSM_CLUSTER_ROLES,
    /** Whether the function is in a VPC of ours. */
    isInVpc: env.OSM_SUBNET_IDS !== "",
    /** What a pass sets its own message's visibility to: when a killed pass is taken up. */
    visibilitySeconds: env.OSM_VISIBILITY_SECONDS,
    leaseSeconds: env.OSM_LEASE_SECONDS,
    podDeadlineMs: env.OSM_DEADLINE_SECONDS * 1_000,
    place: placeOf(env),
  }));

const checkDrift = z
  .object({
    AWS_REGION: z.string().min(1),
    OSM_EVENT_BUS_NAME: z.string().min(1),
    OSM_CLUSTER_NAME: ownCluster,
    ...fleetFields,
  })
  .transform((env, context) => ({
    region: env.AWS_REGION,
    busName: env.OSM_EVENT_BUS_NAME,
    clusters: env.OSM_CLUSTER_NAME,
    fleetRoles: fleetOf(env, context),
  }));

const webhook = z
  .object({
    AWS_REGION: z.string().min(1),
    OSM_EVENT_BUS_NAME: z.string().min(1),
    OSM_FLUX_SECRET: z.string().min(1),
    OSM_ARGOCD_SECRET: z.string().min(1),
  })
  .transform((env) => ({
    region: env.AWS_REGION,
    busName: env.OSM_EVENT_BUS_NAME,
    /** Secrets by name or ARN: the key that Flux signs with, and the token that Argo CD sends. */
    fluxSecret: env.OSM_FLUX_SECRET,
    argocdSecret: env.OSM_ARGOCD_SECRET,
  }));

const auditLog = z
  .object({ AWS_REGION: z.string().min(1), OSM_EVENT_BUS_NAME: z.string().min(1), ...placeFields })
  .transform((env) => ({ region: env.AWS_REGION, busName: env.OSM_EVENT_BUS_NAME, place: placeOf(env) }));

export type ReconcileSettings = z.output<typeof reconcile>;
export type CheckDriftSettings = z.output<typeof checkDrift>;
export type WebhookSettings = z.output<typeof webhook>;
export type AuditLogSettings = z.output<typeof auditLog>;

/** @throws EgressError `settings-invalid` that names every fault at once */
export function reconcileSettings(env: Environment): ReconcileSettings {
  return read(reconcile, env);
}

/** @throws EgressError `settings-invalid` that names every fault at once */
export function checkDriftSettings(env: Environment): CheckDriftSettings {
  return read(checkDrift, env);
}

/** @throws EgressError `settings-invalid` that names every fault at once */
export function webhookSettings(env: Environment): WebhookSettings {
  return read(webhook, env);
}

/** @throws EgressError `settings-invalid` that names every fault at once */
export function auditLogSettings(env: Environment): AuditLogSettings {
  return read(auditLog, env);
}

/** Of the stage's times, before anybody deploys them. @returns what is wrong, by variable */
export function timesFaults(env: Readonly<Record<string, unknown>>, timeoutSeconds: number): readonly string[] {
  const { data, error } = z.object(timesFields).safeParse(env);
  if (data === undefined || data.OSM_VISIBILITY_SECONDS > timeoutSeconds) return faultsIn(error);
  return [`OSM_VISIBILITY_SECONDS: must be more than the function's ${timeoutSeconds} s: a live pass would get a twin`];
}

function faultsIn(error: z.ZodError | undefined): readonly string[] {
  return (error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

function read<T>(schema: z.ZodType<T>, env: Environment): T {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new EgressError("settings-invalid", `environment: ${faultsIn(parsed.error).join("; ")}`);
}
