import { describe, expect, test } from "vitest";
import type { AuditEvent } from "#test/cluster/audit-policy.ts";
import { journey, type Traces } from "../../../tools/demo/journey.ts";

const at = (ms: number): string => new Date(1_800_000_000_000 + ms).toISOString();

interface Row {
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  readonly ms: number;
  readonly subresource?: string;
  readonly by?: string;
  readonly code?: number;
}

function audited({ verb, resource, name, ms, subresource, by = "osm:reconcilers", code = 200 }: Row): AuditEvent {
  return {
    stage: "ResponseComplete",
    verb,
    requestURI: "",
    user: { username: "somebody", groups: [by] },
    objectRef: { resource, name, namespace: "shop", ...(subresource === undefined ? {} : { subresource }) },
    responseStatus: { code },
    requestReceivedTimestamp: at(ms),
    stageTimestamp: at(ms + 2),
  };
}

const ask = (name: string, ms: number): AuditEvent =>
  audited({ verb: "get", resource: "pods", subresource: "proxy", name, ms });

const traces = {
  audit: [
    audited({ verb: "patch", resource: "configmaps", name: "osm-config", ms: -500, by: "people" }),
    audited({ verb: "patch", resource: "configmaps", name: "osm-config", ms: -5, by: "people", code: 422 }),
    audited({ verb: "patch", resource: "configmaps", name: "osm-config", ms: 0, by: "people" }),
    audited({ verb: "patch", resource: "configmaps", name: "osm-sidecar.a", ms: 100 }),
    audited({ verb: "patch", resource: "configmaps", name: "osm-sidecar.b", ms: 110 }),
    audited({ verb: "patch", resource: "pods", name: "a-1", ms: 150 }),
    audited({ verb: "update", resource: "egressrollouts", name: "osm-config", ms: 160 }),
    ask("a-1:15010", 200),
    ask("a-1:15010", 250),
    ask("b-1:15010", 300),
    audited({ verb: "update", resource: "egressrollouts", name: "osm-config", ms: 400 }),
    // Asked again later, for the cut.
    ask("a-1:15010", 900),
  ],
  forwarder: [
    { time: at(-400), message: "forwarding", resourceVersion: "6" },
    { time: at(5), message: "forwarding", resourceVersion: "7" },
    { time: at(12), message: "events in" },
  ],
  function: [
    { message: "pass begins", occurredAt: at(-400), timestamp: at(-380) },
    { message: "pass begins", occurredAt: at(5), timestamp: at(40) },
  ],
} satisfies Traces;

const change = { sinceMs: Date.parse(at(-10)), resourceVersion: "7", convergedAt: at(350) };

describe("journey", () => {
  test("each station at its own time, counted from the change; earlier, refused and later requests do not count", () => {
    expect(journey(traces, change)).toEqual({
      startedMs: Date.parse(at(0)),
      hops: [
        { ms: 2, station: "API server", what: "the policy agrees, osm-config is stored" },
        { ms: 5, station: "forwarder", what: "sees it in its watch and sends an event" },
        { ms: 12, station: "bus", what: "has confirmed it to the forwarder" },
        { ms: 40, station: "function", what: "rule and queue have passed it on: a pass begins" },
        { ms: 112, station: "ConfigMaps", what: "2 written, one for each service account" },
        { ms: 152, station: "pokes", what: "1 pods annotated: their kubelet looks at once" },
        { ms: 302, station: "sidecars", what: "the last of 2 has answered with the new version" },
        { ms: 402, station: "status", what: "says so" },
      ],
    });
  });

  test.each<[string, Partial<Traces>]>([
    ["the patch", { audit: [] }],
    ["the forwarder's line", { forwarder: [] }],
    ["the pass", { function: [] }],
    [
      "a pass that answered another event",
      { function: [{ message: "pass begins", occurredAt: at(80), timestamp: at(90) }] },
    ],
    ["the answers", { audit: traces.audit.filter(({ objectRef }) => objectRef?.subresource !== "proxy") }],
  ])("without %s there is none yet", (_, missing) => {
    expect(journey({ ...traces, ...missing }, change)).toBeUndefined();
  });
});
