import type { Scenario } from "./measure/scenario.ts";
import { apiCalls } from "./real/api-calls.ts";
import { auditDelay } from "./real/audit-delay.ts";
import { cost } from "./real/cost.ts";
import { cuts } from "./real/cuts.ts";
import { hops } from "./real/hops.ts";
import { sidecars } from "./real/sidecars.ts";
import { policies } from "./server/policies.ts";
import { tenThousandSidecars, thousandSidecars } from "./simulated/many-sidecars.ts";
import { bundleSizes } from "./start/bundle-sizes.ts";
import { functionStart } from "./start/function-start.ts";

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [
  bundleSizes,
  functionStart,
  policies,
  sidecars,
  hops,
  apiCalls,
  cost,
  auditDelay,
  cuts,
  thousandSidecars,
  tenThousandSidecars,
];
