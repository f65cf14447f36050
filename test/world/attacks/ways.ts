import type { OutsideCode } from "#lib/mesh/guarantee.ts";
import type { Ground, Said } from "./ground.ts";

/** How an attack ends, and what that means. */
export const verdicts = {
  refused: "the API server, or the kubelet, refuses it",
  contained: "it is done, and nothing gets out by it",
  outside:
    "something gets out; the pod is outside the guarantee: the status names it, with this code ([guarantee.md](guarantee.md)), and `osm install --strict` refuses to create it",
  beyond: "something gets out, by a way that no sidecar is on: not covered",
} as const;

export type Verdict = keyof typeof verdicts;

interface Way {
  /** A noun phrase, in Markdown: its row in docs/security.md, and the name of its test. */
  readonly way: string;
  /** What stands against it, or what can be done; in Markdown. */
  readonly because: string;
}

/** A pod that is there, with its sidecar, before the attempts begin: created by the attacker, in the mesh. */
export interface AttackPod {
  readonly name: string;
  /** What differs from a pod of one plain container `app`. */
  readonly spec?: (ground: Ground) => object;
  readonly annotations?: Readonly<Record<string, string>>;
  /** From before its namespace was added to the mesh. */
  readonly early?: true;
}

export interface Refused extends Way {
  readonly verdict: "refused";
  /** Part of what the attacker is told. */
  readonly says: string;
  readonly attempt: (ground: Ground) => Promise<Said>;
}

/** What came of it. `control`: the same, done where nothing stands against it, does get there, so it would have been seen. */
export interface Tried {
  readonly got: boolean;
  readonly control: boolean;
}

interface Done<T> extends Way {
  readonly pod?: AttackPod;
  /** With the pods, before they are waited for. */
  readonly prepare?: (ground: Ground) => Promise<unknown>;
  readonly attempt: (ground: Ground) => Promise<T>;
}

export interface Contained extends Done<Tried> {
  readonly verdict: "contained";
}

export interface Outside extends Done<Tried> {
  readonly verdict: "outside";
  readonly pod: AttackPod;
  /** What the status says of the pod. */
  readonly code: OutsideCode;
  /** The same where policy `osm-strict` is installed; absent: the pod is created. */
  readonly strictly?: (ground: Ground) => Promise<Said>;
}

export interface Beyond extends Done<Pick<Tried, "got">> {
  readonly verdict: "beyond";
}

export type Attack = Refused | Contained | Outside | Beyond;

export interface Family {
  /** A heading. */
  readonly title: string;
  readonly attacks: readonly Attack[];
}
