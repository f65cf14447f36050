import { cutText } from "../mesh/cut-text.ts";
import { mode } from "../mesh/mode.ts";
import type { Condition } from "./status.ts";
import type { Tally } from "./tally.ts";
import type { Wanted } from "./wanted.ts";

/** An account whose ConfigMap could not be written, and the API server's words for it. */
export interface RefusedAccount {
  /** `namespace/name`. */
  readonly account: string;
  readonly why: string;
}

export type NextCondition = Omit<Condition, "lastTransitionTime">;

export function acceptedCondition({ accepted, problems, target, unchecked }: Wanted): NextCondition {
  const message = problems.map((problem) => problem.message).join("; ");
  if (accepted) {
    const doubt = unchecked === undefined ? "" : `; not checked: ${unchecked}`;
    return problems.length === 0
      ? { type: "Accepted", status: "True", reason: "Accepted", message: `egress is ${mode(target.egress)}${doubt}` }
      : { type: "Accepted", status: "True", reason: "OtherKeysKept", message };
  }
  return {
    type: "Accepted",
    status: "False",
    reason: "ValueNotBoolean",
    message: `${message}. The mesh keeps egress ${mode(target.egress)}`,
  };
}

/** Where everybody is excused, being excused proves nothing. */
function nobodyAnswers({ counts, excused, unverified }: Tally): boolean {
  return counts.total > 0 && excused.length === counts.total && unverified.length === 0;
}

export function convergedCondition(tally: Tally, egress: boolean, refused: readonly RefusedAccount[]): NextCondition {
  const { counts, pending, wrong, excused } = tally;
  const type = "Converged";
  const share = `${counts.verified} of ${counts.total} sidecars verified with egress ${mode(egress)}`;
  if (refused.length > 0) {
    const named = firstFew(refused.map(({ account, why }) => `${account} (${cutText(why, maxWhyLength)})`));
    return { type, status: "False", reason: "AccountRefused", message: `${share}; not written: ${named}` };
  }
  if (wrong.length > 0) {
    return { type, status: "False", reason: "SidecarsDiffer", message: `${share}; differing: ${firstFew(wrong)}` };
  }
  if (pending.length > 0) {
    return { type, status: "False", reason: "Waiting", message: `${share}; waiting for: ${firstFew(pending)}` };
  }
  if (nobodyAnswers(tally)) {
    return { type, status: "False", reason: "NobodyAnswers", message: `${share}; silent: ${firstFew(excused)}` };
  }
  return { type, status: "True", reason: verifiedReason(excused), message: share };
}

export function cutCondition(tally: Tally, egress: boolean, isConverged: boolean): NextCondition {
  const type = "EgressCut";
  if (egress) return { type, status: "False", reason: "EgressOn", message: "egress is on" };
  if (nobodyAnswers(tally)) {
    return { type, status: "False", reason: "NobodyAnswers", message: "no sidecar says whether connections are open" };
  }
  if (!isConverged) {
    return { type, status: "False", reason: "NotConverged", message: "sidecars are still being verified" };
  }
  if (tally.unverified.length > 0) {
    const message = `answering without being verified: ${firstFew(tally.unverified)}`;
    return { type, status: "False", reason: "SidecarsDiffer", message };
  }
  if (tally.uncut.length > 0) {
    const message = `connections are still draining at: ${firstFew(tally.uncut)}`;
    return { type, status: "False", reason: "Draining", message };
  }
  const where = tally.excused.length === 0 ? "" : " at the sidecars that answered";
  return {
    type,
    status: "True",
    reason: verifiedReason(tally.excused),
    message: `no egress connection is open${where}`,
  };
}

function verifiedReason(excused: readonly string[]): "AllVerified" | "AllReachableVerified" {
  return excused.length === 0 ? "AllVerified" : "AllReachableVerified";
}

const namedPods = 3;
const maxWhyLength = 512;

function firstFew(pods: readonly string[]): string {
  const more = pods.length - namedPods;
  return pods.slice(0, namedPods).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
