import type { verificationQuery } from "./verification-query.ts";

/**
 * What sidecars of earlier versions answer, newest first: the query stands in the bootstrap that they were started with.
 *
 * 0.1.0 at first: without the RouteConfiguration, to which no listener referred.
 */
export const earlierQueries: readonly Readonly<Record<keyof typeof verificationQuery, string>>[] = [
  {
    format: "json",
    filter: [
      "ds.version_text",
      "ds.update_rejected",
      "ds.update_failure",
      "draining",
      "passthrough-outbound.upstream_cx_active",
    ].join("|"),
  },
];
