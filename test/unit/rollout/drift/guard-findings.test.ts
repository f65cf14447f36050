import { describe, expect, test } from "vitest";
import { meshPlace } from "#lib/mesh/names.ts";
import { guardFindings, imageFindings } from "#lib/rollout/drift/guard-findings.ts";
import type { GuardObject } from "#lib/rollout/drift/guard-object.ts";
import type { SurveyedGuard } from "#lib/rollout/drift/survey.ts";
import { now } from "./surveys.ts";

const created = "2026-10-01T00:00:00Z";
const installed = { manager: "osm-install", time: created, fieldsV1: { "f:spec": { "f:a": {}, "f:list": {} } } };
const wanted: GuardObject = { kind: "Policy", metadata: { name: "p" }, spec: { a: "1", list: [{ name: "x" }] } };

function guard(spec: object | undefined, writes: readonly object[] = [installed], rest: object = {}): SurveyedGuard {
  const metadata = { name: "p", creationTimestamp: created, managedFields: writes };
  return { wanted, found: spec && { ...wanted, metadata, spec }, isRequired: true, ...rest };
}

const changed = { a: "2", list: [{ name: "x" }] };
const by = (manager: string, second: number, spec: object, rest: object = {}) => ({
  manager,
  time: `2026-10-02T00:00:0${second}Z`,
  fieldsV1: { "f:spec": spec },
  ...rest,
});
const find = (one: SurveyedGuard, place = meshPlace) => guardFindings(one, place, now);

test("one as it was installed is none", () => {
  expect(find(guard({ a: "1", list: [{ name: "x" }] }))).toEqual([]);
});

test("one that is gone", () => {
  expect(find(guard(undefined))).toEqual([
    {
      object: "Policy p",
      field: "",
      wanted: "as installed",
      found: "nothing",
      since: { before: now },
      repair: "osm install",
    },
  ]);
});

test("one that need not be there is none when it is gone, and one when it is changed", () => {
  expect(find(guard(undefined, [], { isRequired: false }))).toEqual([]);
  expect(find(guard(changed, [], { isRequired: false }))).toHaveLength(1);
});

test("one that was changed: what, by whom, since when", () => {
  expect(find(guard(changed, [installed, by("kubectl-edit", 1, { "f:a": {} })]))).toEqual([
    {
      object: "Policy p",
      field: "spec.a",
      wanted: "1",
      found: "2",
      by: "kubectl-edit",
      since: { after: created, before: "2026-10-02T00:00:01Z" },
      repair: "osm install",
    },
  ]);
});

describe("by whom", () => {
  const early = by("early", 1, { "f:a": {} });
  const late = by("late", 2, { "f:a": {} });
  const elsewhere = by("elsewhere", 3, { "f:b": {} });
  const status = by("status", 4, { "f:a": {} }, { subresource: "status" });
  test.each<readonly [string, readonly object[], string | undefined]>([
    ["the last one that owns the field", [late, early, elsewhere], "late"],
    ["not who wrote the status", [early, status], "early"],
    ["an older installation", [{ ...installed, fieldsV1: early.fieldsV1 }, elsewhere], "osm-install"],
    [
      "nobody owns it: the last one but for installations",
      [by("osm-install", 5, { "f:c": {} }), elsewhere],
      "elsewhere",
    ],
    ["nobody but an installation", [by("osm-install", 5, { "f:c": {} })], undefined],
    ["no trace", [], undefined],
  ])("%s", (_what, writes, manager) => {
    const [finding] = find(guard(changed, writes));
    expect(finding?.by).toBe(manager);
  });

  test("without a trace it is not later than now", () => {
    expect(find(guard(changed, []))[0]?.since).toEqual({ after: created, before: now });
  });
});

describe("something taken out of a list", () => {
  const less = { a: "1", list: [{ name: "y" }] };
  const twice: GuardObject = { ...wanted, spec: { a: "1", list: [{ name: "x" }, { name: "y" }] } };
  const whose = (list: object) =>
    find(guard(less, [by("owner", 1, { "f:list": list }), by("last", 2, { "f:c": {} })], { wanted: twice }))[0];

  test("that is owned as one: its owner", () => {
    expect(whose({})).toMatchObject({ field: "spec.list[0]", wanted: '{"name":"x"}', found: "nothing", by: "owner" });
  });

  test("that is owned by element: not the owner of what moved to its place", () => {
    expect(whose({ 'k:{"name":"y"}': {} })).toMatchObject({ field: "spec.list[0]", by: "last" });
  });
});

test("the repair names what is not as usual", () => {
  const place = { meshName: "second", osmNamespace: "second-system" };
  const [finding] = find(guard(changed, [], { flags: ["--strict"] }), place);
  expect(finding?.repair).toBe("osm install --mesh-name second --osm-namespace second-system --strict");
});

describe("a MeshInjection with another image", () => {
  const instead: GuardObject = {
    kind: "MeshInjection",
    metadata: {
      name: "osm-config",
      namespace: "osm-system",
      creationTimestamp: created,
      managedFields: [by("kubectl-patch", 1, { "f:images": { "f:sidecar": {} } })],
    },
    spec: { images: { sidecar: "evil:1" } },
  };

  test.each([
    ["osm-egress/sidecar:1", "osm install --image-registry ''"],
    ["registry.example.com/team/osm-egress/sidecar:1", "osm install --image-registry registry.example.com/team"],
    ["mine:1", "osm install"],
  ])("where %s was installed", (image, repair) => {
    expect(imageFindings({ wanted: image, instead }, meshPlace, now)).toEqual([
      {
        object: "MeshInjection osm-system/osm-config",
        field: "spec.images.sidecar",
        wanted: image,
        found: "evil:1",
        by: "kubectl-patch",
        since: { after: created, before: "2026-10-02T00:00:01Z" },
        repair,
      },
    ]);
  });

  test("and one with the installed image is none", () => {
    expect(imageFindings({ wanted: "mine:1" }, meshPlace, now)).toEqual([]);
  });
});
