/**
 * What the API server writes to its audit log: every request of every identity at Metadata level, as EKS logs ConfigMaps
 * and Secrets. Who, what, when and which object, never a body; what a run's identities used can be read off it.
 */
export const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  // A watch is logged when it starts, too: one that lives as long as the run would otherwise be missing.
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", nonResourceURLs: ["/healthz*", "/readyz*", "/livez*", "/version"] },
    { level: "Metadata", resources: [{ group: "", resources: ["configmaps", "secrets", "serviceaccounts/token"] }] },
    { level: "Metadata" },
  ],
};

/** One line of the audit log, as far as tests read it. */
export interface AuditEvent {
  readonly stage: "ResponseStarted" | "ResponseComplete" | "Panic";
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly impersonatedUser?: { readonly username: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  /** RFC 3339 with microseconds. */
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}
