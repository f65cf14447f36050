import fc from "fast-check";

/**
 * One seed for every property of a run. `npm test` chooses it, prints it and records it; OSM_TEST_SEED brings a run back.
 * OSM_TEST_COUNTS=full is what `npm run test:long` sets.
 */
const seed = process.env["OSM_TEST_SEED"];
fc.configureGlobal({
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  numRuns: process.env["OSM_TEST_COUNTS"] === "full" ? 5_000 : 200,
});
