import type { InjectionResources } from "./injection.ts";
import { amountValue } from "./resource-quantity.ts";

type Amounts = Readonly<Record<string, string>>;

export interface Quota {
  readonly name: string;
  /** It counts only some pods. */
  readonly scopes?: readonly string[];
  readonly hard: Amounts;
  readonly used: Amounts;
}

/** What a quota counts, and what of the sidecar counts for it. A Guaranteed pod's counts for more. */
const counted: Readonly<Record<string, keyof InjectionResources>> = {
  "requests.cpu": "cpuRequest",
  cpu: "cpuRequest",
  "requests.memory": "memoryRequest",
  memory: "memoryRequest",
  "limits.cpu": "cpuLimit",
  "limits.memory": "memoryLimit",
};

/** Those that nearly every pod is of; others are not judged. */
const usual: readonly string[] = ["NotBestEffort", "NotTerminating"];

/**
 * What of a namespace's quotas the sidecars of its pods would not fit into any more, so that pods could not come back when
 * they are restarted: one text for each.
 *
 * @param pods  how many of the namespace's have no sidecar yet; at least one is reckoned with
 */
export function quotaProblems(quotas: readonly Quota[], sizes: InjectionResources, pods: number): readonly string[] {
  const wanting = Math.max(pods, 1);
  return quotas
    .filter(({ scopes = [] }) => scopes.every((scope) => usual.includes(scope)))
    .flatMap(({ name, hard, used }) =>
      Object.entries(counted).flatMap(([key, field]) => {
        const [most, taken = "0"] = [hard[key], used[key]];
        const free = value(most) - value(taken);
        // Not so either where one of them is no quantity.
        if (!(wanting * value(sizes[field]) > free)) return [];
        const sidecars = wanting === 1 ? "the sidecar of one pod" : `the sidecars of ${wanting} pods`;
        return [
          `ResourceQuota ${name}: ${key}: ${taken} of ${most} are used, and ${sidecars} will want ${sizes[field]}${wanting === 1 ? "" : " each"}: raise it before you restart them`,
        ];
      }),
    );
}

function value(quantity: string | undefined): number {
  return amountValue(quantity) ?? Number.NaN;
}
