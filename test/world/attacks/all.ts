import { annotationFamily } from "./annotations.ts";
import { beyond } from "./beyond.ts";
import { configuration } from "./configuration.ts";
import { creation } from "./creation.ts";
import { entering } from "./entering.ts";
import { outside } from "./outside.ts";
import { services } from "./services.ts";
import { trafficFamily } from "./traffic.ts";
import type { Attack, Family, Verdict } from "./ways.ts";

/** In the order of docs/security.md. */
export const families: readonly Family[] = [
  configuration,
  entering,
  creation,
  annotationFamily,
  trafficFamily,
  services,
  outside,
  beyond,
];

export const attacks: readonly Attack[] = families.flatMap((family) => family.attacks);

/** Those that end so. */
export function ending<V extends Verdict>(verdict: V): readonly Extract<Attack, { verdict: V }>[] {
  return attacks.filter((attack): attack is Extract<Attack, { verdict: V }> => attack.verdict === verdict);
}
