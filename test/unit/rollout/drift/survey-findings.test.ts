import { describe, expect, test } from "vitest";
import { meshPlace } from "#lib/mesh/names.ts";
import { type SurveyedForwarder, type SurveyedPod, silentMs, type Unread } from "#lib/rollout/drift/survey.ts";
import { surveyFindings } from "#lib/rollout/drift/survey-findings.ts";
import { now, nowMs, survey } from "./surveys.ts";

const createdAtMs = nowMs - 3_600_000;
const created = new Date(createdAtMs).toISOString();
const pod = (difference: Partial<SurveyedPod> = {}): SurveyedPod => ({
  namespace: "shop",
  name: "web",
  createdAtMs,
  sidecarImage: undefined,
  ...difference,
});

test("a cluster as it was installed has no finding", () => {
  expect(surveyFindings(survey({ pods: [pod({ sidecarImage: "osm-egress/sidecar:1" })] }))).toEqual([]);
});

describe("pods", () => {
  test("without a sidecar", () => {
    expect(surveyFindings(survey({ pods: [pod()] }))).toEqual([
      {
        object: "Pod shop/web",
        field: "spec.initContainers",
        wanted: "sidecar envoy",
        found: "nothing",
        since: { after: created, before: now },
        repair: "osm restart --outdated",
      },
    ]);
  });

  test.each([
    ["without a sidecar", undefined],
    ["with an old one", "osm-egress/sidecar:0"],
  ])("%s, where the API server does not inject: a restart would not help", (_what, sidecarImage) => {
    const repairs = (place?: typeof meshPlace) =>
      surveyFindings(survey({ injects: false, pods: [pod({ sidecarImage })], ...(place ? { place } : {}) })).map(
        ({ repair }) => repair,
      );
    expect(repairs()).toEqual(["osm inject -f FILE | kubectl apply -f -"]);
    expect(repairs({ ...meshPlace, osmNamespace: "mesh" })).toEqual([
      "osm inject -f FILE --osm-namespace mesh | kubectl apply -f -",
    ]);
  });

  test.each<readonly [string, Partial<SurveyedPod>]>([
    ["that says no", { injection: { annotations: { "openservicemesh.io/sidecar-injection": "disabled" } } }],
    ["in the host's network", { injection: { hostNetwork: true } }],
    ["outside the mesh", { namespace: "other" }],
  ])("without a sidecar and %s is none", (_what, difference) => {
    expect(surveyFindings(survey({ pods: [pod(difference)] }))).toEqual([]);
  });

  test.each([
    [undefined, now],
    [createdAtMs + 1_000, new Date(createdAtMs + 1_000).toISOString()],
    [createdAtMs - 1_000, created],
  ])("with an old sidecar, wherever they are; the image was written at %j", (writtenAtMs, before) => {
    const image = { wanted: "osm-egress/sidecar:2", ...(writtenAtMs === undefined ? {} : { writtenAtMs }) };
    const pods = [pod({ namespace: "left", sidecarImage: "osm-egress/sidecar:1" })];
    expect(surveyFindings(survey({ image, pods }))).toEqual([
      {
        object: "Pod left/web",
        field: "spec.initContainers[envoy].image",
        wanted: "osm-egress/sidecar:2",
        found: "osm-egress/sidecar:1",
        since: { after: created, before },
        repair: "osm restart --outdated",
      },
    ]);
  });

  test("of an image that nobody knows are none", () => {
    expect(surveyFindings(survey({ image: { wanted: undefined }, pods: [pod({ sidecarImage: "x" })] }))).toEqual([]);
  });
});

describe("the forwarder", () => {
  const silent = (forwarder: SurveyedForwarder | undefined) =>
    surveyFindings(survey({ forwarder, forwarderSilentMs: silentMs(forwarder, nowMs) }));
  const deployedAtMs = createdAtMs;

  test.each<readonly [string, SurveyedForwarder | undefined]>([
    ["that is not installed", undefined],
    ["that is well", { deployedAtMs, renewedAtMs: nowMs - 30_000 }],
    ["at the bound", { deployedAtMs, renewedAtMs: nowMs - 180_000 }],
    ["whose clock is a little fast", { deployedAtMs, renewedAtMs: nowMs + 1_000 }],
    ["that has just been installed", { deployedAtMs: nowMs - 10_000, renewedAtMs: undefined }],
    ["that was installed again", { deployedAtMs: nowMs - 10_000, renewedAtMs: createdAtMs }],
  ])("%s is none", (_what, forwarder) => {
    expect(silent(forwarder)).toEqual([]);
  });

  test.each<readonly [string, number | undefined, string, string]>([
    ["silent", nowMs - 180_001, "2026-11-01T11:56:59.999Z", "2026-11-01T11:56:59.999Z"],
    ["never well", undefined, "nothing", created],
    ["well in a far future", nowMs + 3_600_000, "2026-11-01T13:00:00.000Z", created],
  ])("%s", (_what, renewedAtMs, found, since) => {
    const [finding, ...more] = silent({ deployedAtMs, renewedAtMs });
    expect(more).toEqual([]);
    expect(finding).toEqual({
      object: "Lease osm-system/osm-forwarder",
      field: "spec.renewTime",
      wanted: "not older than 3 min",
      found,
      since: { after: since, before: since },
      repair: "kubectl rollout restart deployment/osm-forwarder -n osm-system",
    });
  });

  test("is silent for as long as it has not said anything", () => {
    expect(silentMs({ deployedAtMs, renewedAtMs: nowMs - 1_000 }, nowMs)).toBe(1_000);
    expect(silentMs({ deployedAtMs, renewedAtMs: nowMs + 1_000 }, nowMs)).toBe(0);
    expect(silentMs(undefined, nowMs)).toBeUndefined();
  });
});

describe("what could not be looked at", () => {
  const unread = (object: string, isForbidden: boolean): Unread => ({ object, why: `why of ${object}`, isForbidden });

  test("is one finding for what is forbidden, and one for what did not answer", () => {
    const findings = surveyFindings(
      survey({ unread: [unread("A a", true), unread("B b", false), unread("C c", true)] }),
    );
    expect(findings.map(({ object, found, repair }) => [object, found, repair])).toEqual([
      ["A a, C c", "could not be looked at: why of A a", "osm install"],
      ["B b", "could not be looked at: why of B b", "osm reconcile"],
    ]);
  });

  test.each([
    [4, "0, 1, 2, 3"],
    [5, "0, 1, 2 and 2 more"],
  ])("of %i names those that fit, in whatever order they came", (count, object) => {
    const some = Array.from({ length: count }, (_, index) => unread(String(index), true)).toReversed();
    expect(surveyFindings(survey({ unread: some })).map((one) => one.object)).toEqual([object]);
  });

  test("keeps to its length", () => {
    const [finding] = surveyFindings(survey({ unread: [{ ...unread("o".repeat(900), true), why: "w".repeat(900) }] }));
    expect([finding?.object.length, finding?.found.length]).toEqual([512, 128]);
  });
});

test("guards come before pods: who stores only some stores these", () => {
  const guard = { wanted: { kind: "Policy", metadata: { name: "p" } }, found: undefined, isRequired: true };
  const objects = surveyFindings(survey({ pods: [pod()], guards: [guard] })).map(({ object }) => object);
  expect(objects).toEqual(["Policy p", "Pod shop/web"]);
});
