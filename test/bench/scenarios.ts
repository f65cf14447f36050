import type { Scenario } from "./measure/scenario.ts";
import { apiCalls } from "./real/api-calls.ts";
import { cuts } from "./real/cuts.ts";
import { hops } from "./real/hops.ts";
import { sidecars } from "./real/sidecars.ts";
import { bundleSizes } from "./start/bundle-sizes.ts";

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [bundleSizes, sidecars, hops, apiCalls, cuts];
