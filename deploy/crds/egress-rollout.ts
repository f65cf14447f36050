import { count, customResourceDefinition, flag, list, object, oneOf, text, time } from "./schema.ts";

/** Kubernetes' own shape of a condition. */
const condition = object(
  {
    type: text(316),
    status: oneOf(["True", "False", "Unknown"]),
    observedGeneration: count,
    lastTransitionTime: time,
    reason: text(1_024),
    message: text(32_768),
  },
  { required: ["type", "status", "lastTransitionTime", "reason", "message"] },
);

const version = { digest: text(128), egress: flag };

const sidecars = object({
  total: count,
  verified: count,
  rejected: count,
  unreachable: count,
  outsideGuarantee: count,
});

const outsidePod = object(
  {
    pod: text(512),
    reasons: list(object({ code: text(64), message: text(1_024) }, { required: ["code", "message"] }), 16),
  },
  { required: ["pod", "reasons"] },
);

const historyEntry = object({
  from: flag,
  to: flag,
  by: text(512),
  changedAt: time,
  users: list(text(512), 3),
  source: text(256),
  revision: text(512),
  startedAt: time,
  tookMs: count,
  cutTookMs: count,
  sidecars: count,
  outcome: text(64),
});

const bounds = object({ after: time, before: time }, { required: ["before"] });

const finding = {
  object: text(512),
  field: text(256),
  wanted: text(128),
  found: text(128),
  by: text(128),
  since: bounds,
  repair: text(1_024),
  foundAt: time,
  times: count,
  correctedAt: time,
};

const drift = object({
  checkedAt: time,
  findings: list(
    object({
      ...finding,
      action: oneOf(["Correcting", "Unproven", "BackingOff", "Detected", "Reported"]),
      nextCorrectionAt: time,
      proof: text(64),
    }),
    100,
  ),
  more: count,
  history: list(object({ ...finding, endedAt: time, outcome: oneOf(["Corrected", "Gone"]) }), 20),
});

/** Whether every sidecar runs what osm-config says: spec the user's, status the reconciler's. */
export const egressRolloutDefinition = customResourceDefinition({
  kind: "EgressRollout",
  plural: "egressrollouts",
  shortNames: ["egr"],
  hasStatus: true,
  columns: [
    { name: "EGRESS", type: "boolean", jsonPath: ".status.target.egress" },
    { name: "PHASE", type: "string", jsonPath: ".status.phase" },
    { name: "VERIFIED", type: "integer", jsonPath: ".status.sidecars.verified" },
    { name: "TOTAL", type: "integer", jsonPath: ".status.sidecars.total" },
    { name: "AGE", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  schema: object({
    spec: object({
      drift: oneOf(["correct", "detect"], {
        description: "What is found altered is written back (correct, the default), or only reported (detect)",
      }),
    }),
    status: object({
      observed: object({ resourceVersion: text(64), raw: text(80), egress: flag }),
      target: object(version),
      lastGood: object({ ...version, verifiedAt: time }),
      phase: oneOf(["Idle", "Rolling", "Halted"]),
      wave: count,
      sidecars,
      lagging: list(object({ pod: text(512), reason: text(256) }, { required: ["pod", "reason"] }), 20),
      outsideGuarantee: list(outsidePod, 20),
      podsWithoutSidecar: count,
      startedAt: time,
      convergedAt: time,
      cutAt: time,
      conditions: list(condition, 16, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] }),
      drift,
      fencing: count,
      history: list(historyEntry, 20),
    }),
  }),
});
