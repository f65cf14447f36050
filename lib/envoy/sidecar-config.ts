import { createHash } from "node:crypto";
import { mode } from "../mesh/mode.ts";
import type { SidecarFile } from "../mesh/names.ts";
import type { SidecarPolicy } from "../mesh/sidecar-policy.ts";
import { canonicalJson, type Json } from "./canonical-json.ts";
import { clusters } from "./clusters.ts";
import { outboundListener } from "./listener.ts";
import { routes } from "./routes.ts";

/** A sidecar's whole configuration, as it stands in its ConfigMap. */
export interface SidecarConfig {
  /**
   * `on-` or `off-`, and 32 hex digits over all three files; also each file's `version_info`, so a sidecar that reports it
   * runs these bytes, and one that reports another tells at least which way its switch is.
   */
  readonly digest: string;
  readonly files: Readonly<Record<SidecarFile, string>>;
}

const digestPattern = /^(on|off)-[0-9a-f]{32}$/;

/** Which way the switch is in the configuration with that digest; undefined for a text that is none. */
export function egressOfDigest(digest: string): boolean | undefined {
  const found = digestPattern.exec(digest)?.[1];
  return found === undefined ? undefined : found === "on";
}

/**
 * Renders a policy. Equal policies give equal bytes, whatever order their destinations came in.
 *
 * @param proof  makes another version of the same: whoever reports it has read these bytes, whatever he reported before
 */
export function sidecarConfig(policy: SidecarPolicy, proof = ""): SidecarConfig {
  const resources: Readonly<Record<SidecarFile, readonly Json[]>> = {
    "cds.json": clusters(),
    "lds.json": [outboundListener(policy.egress, policy.destinations)],
    "rds.json": routes(),
  };
  const hash = createHash("sha256")
    .update(canonicalJson(resources) + proof)
    .digest("hex")
    .slice(0, 32);
  const digest = `${mode(policy.egress)}-${hash}`;
  const file = (name: SidecarFile) =>
    canonicalJson({ version_info: digest, resources: resources[name] satisfies readonly Json[] });
  return {
    digest,
    files: { "cds.json": file("cds.json"), "lds.json": file("lds.json"), "rds.json": file("rds.json") },
  };
}
