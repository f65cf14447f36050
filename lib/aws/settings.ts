import * as z from "zod";
import { EgressError } from "../errors.ts";
import { clusterName } from "../events/fields.ts";
import { type MeshPlace, meshPlace } from "../mesh/names.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const reconcile = z
  .object({
    AWS_REGION: z.string().min(1),
    OSM_EVENT_BUS_NAME: z.string().min(1),
    OSM_QUEUE_URL: z.url(),
    OSM_DEAD_LETTER_QUEUE_URL: z.url(),
    OSM_VISIBILITY_SECONDS: z.coerce.number().int().min(1).max(43_200),
    OSM_MESH_NAME: z.string().min(1).default(meshPlace.meshName),
    OSM_NAMESPACE: z.string().min(1).default(meshPlace.osmNamespace),
  })
  .transform((env) => ({
    region: env.AWS_REGION,
    busName: env.OSM_EVENT_BUS_NAME,
    queueUrl: env.OSM_QUEUE_URL,
    deadLetterUrl: env.OSM_DEAD_LETTER_QUEUE_URL,
    /** What a pass sets its own message's visibility to: when a killed pass is taken up. */
    visibilitySeconds: env.OSM_VISIBILITY_SECONDS,
    place: { meshName: env.OSM_MESH_NAME, osmNamespace: env.OSM_NAMESPACE } satisfies MeshPlace,
  }));

const checkDrift = z
  .object({ OSM_EVENT_BUS_NAME: z.string().min(1), OSM_CLUSTER_NAME: clusterName })
  .transform((env) => ({ busName: env.OSM_EVENT_BUS_NAME, cluster: env.OSM_CLUSTER_NAME }));

export type ReconcileSettings = z.output<typeof reconcile>;
export type CheckDriftSettings = z.output<typeof checkDrift>;

/** @throws EgressError `settings-invalid` that names every fault at once */
export function reconcileSettings(env: Environment): ReconcileSettings {
  return read(reconcile, env);
}

/** @throws EgressError `settings-invalid` that names every fault at once */
export function checkDriftSettings(env: Environment): CheckDriftSettings {
  return read(checkDrift, env);
}

function read<T>(schema: z.ZodType<T>, env: Environment): T {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new EgressError("settings-invalid", `environment: ${faults.join("; ")}`);
}
