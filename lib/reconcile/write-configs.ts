import { EgressError } from "../errors.ts";
import type { RefusedAccount } from "../rollout/conditions.ts";
import { type ConfigMapWrite, configWrites } from "../rollout/config-writes.ts";
import { accountKey, type MeshObservation } from "../rollout/observation.ts";
import type { Wanted } from "../rollout/wanted.ts";
import type { Holder } from "./holder.ts";

/** What is not to be written although it differs. */
export interface LeftAlone {
  /** `namespace/name` of ConfigMaps that are altered, and left so for now. */
  readonly held: ReadonlySet<string>;
  /** Left over: deleted. */
  readonly orphans: MeshObservation["configMaps"];
}

export interface ConfigsWritten {
  /** `namespace/name` of those that hold what they must now. */
  readonly applied: ReadonlySet<string>;
  /** What was answered with a refusal that is not about one account alone. */
  readonly refusal: EgressError | undefined;
}

/** Everything that differs, but for what is left alone; a refusal does not hold the others back. */
export async function writeConfigs(
  { ports, context, memory, lease }: Holder,
  seen: MeshObservation,
  wanted: Wanted,
  { held, orphans }: LeftAlone,
): Promise<ConfigsWritten> {
  const { apply, injection, restamp } = configWrites(seen, wanted, held, orphans);
  const refused: RefusedAccount[] = [];
  const done = new Set<string>();
  const applied = apply.map(async (write) => {
    const key = keyOf(write);
    const triedMs = ports.nowMs();
    const outcome = await attempt(() => ports.applyConfigMap(write, wanted.running, lease.number));
    if (outcome === "done") done.add(key);
    // Whoever held a broken Lease may have died between writing a ConfigMap and poking its pods.
    if (write.changesFiles || restamp) {
      // Where its own account is the reason it holds what it held, and whoever was poked for that has had its time. Of any
      // other error nobody knows what it holds.
      const isAsBefore = outcome === "gone" || isAboutAccount(outcome);
      memory.suspects.set(key, isAsBefore ? (memory.suspects.get(key) ?? 0) : triedMs);
      if (outcome === "done") memory.unpoked.add(key);
    }
    if (!isAboutAccount(outcome)) return outcome;
    refused.push({ account: accountKey(write.account), why: outcome.message });
    context.log.error("account not written", { account: accountKey(write.account), problem: outcome.message });
    // A rule that refuses everybody (RBAC) is the deployment's fault, and whoever runs the pass must hear of it.
    return apply.length > 1 && refused.length === apply.length ? outcome : "refused";
  });
  const others = [
    ...(injection ? [attempt(() => ports.applyInjection(wanted.injection))] : []),
    ...orphans.map((map) => attempt(() => ports.deleteConfigMap(map))),
  ];
  const outcomes: readonly unknown[] = await Promise.all([...applied, ...others]).finally(() => {
    const written = { configMaps: done.size, of: apply.length, fencing: lease.number };
    if (done.size > 0) context.log.info("sidecar ConfigMaps written", written);
  });
  memory.refused = refused;
  return { applied: done, refusal: outcomes.find((outcome) => outcome instanceof EgressError) };
}

function keyOf({ account, name }: ConfigMapWrite): string {
  return `${account.namespace}/${name}`;
}

/** A refusal is an answer: the request is done with, and does not hold the others back. @throws what is none */
async function attempt<T>(write: () => Promise<T>): Promise<T | EgressError> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof EgressError && error.cause === undefined) return error;
    throw error;
  }
}

/** A quota or an admission policy of its namespace: trying again at once helps nobody, and its owner reads of it in the status. */
function isAboutAccount(outcome: unknown): outcome is EgressError {
  return outcome instanceof EgressError && (outcome.reason === "api-forbidden" || outcome.reason === "api-invalid");
}
