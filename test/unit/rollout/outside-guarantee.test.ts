import { describe, expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import { type SurveyedPod, surveyedLists } from "#lib/rollout/drift/survey.ts";
import type { ObservedPod } from "#lib/rollout/observation.ts";
import { nextOutside, withoutSidecar } from "#lib/rollout/outside-guarantee.ts";
import type { OutsidePod, RolloutStatus } from "#lib/rollout/status.ts";
import { podSeen } from "../../scripted/world-at-rest.ts";
import { survey } from "./drift/surveys.ts";

const root = [{ code: "KeepsCapabilities", containers: ["app"], what: ["SETUID"] }] as const;

function injected(name: string, outside: NonNullable<ObservedPod["outside"]> = root): { readonly pod: ObservedPod } {
  return { pod: podSeen({ name, outside }) };
}

function numbered(count: number, from = 0): readonly string[] {
  return Array.from({ length: count }, (_, at) => `web-${String(from + at).padStart(3, "0")}`);
}

function uninjected(name: string, difference: Partial<SurveyedPod> = {}): SurveyedPod {
  return { namespace: "shop", name, createdAtMs: 0, sidecarImage: undefined, injection: {}, ...difference };
}

const names = (pods: readonly OutsidePod[]) => pods.map(({ pod }) => pod);

describe("injected pods", () => {
  test("none outside", () => {
    const none = { count: 0, podsWithoutSidecar: undefined, pods: [] };
    expect(nextOutside({}, [{ pod: podSeen() }], undefined)).toEqual(none);
  });

  test("one outside: named, with code, words and remedy", () => {
    expect(nextOutside({}, [injected("web-1"), { pod: podSeen() }], undefined)).toEqual({
      count: 1,
      podsWithoutSidecar: undefined,
      pods: [
        {
          pod: "shop/web-1",
          reasons: [
            {
              code: "KeepsCapabilities",
              message:
                "container app keeps SETUID by default: could become the sidecar's user or send past the capture; drop ALL capabilities, or SETUID, SETGID, NET_RAW, or set runAsUser to anything but 0",
            },
          ],
        },
      ],
    });
  });

  test.each([20, 21, 500])(
    "%i outside: all counted, the first twenty by name named, in whatever order they come",
    (count) => {
      const sorted = numbered(count);
      for (const order of [
        sorted,
        sorted.toReversed(),
        sorted.toSorted((a, b) => (a.at(-1) ?? "").localeCompare(b.at(-1) ?? "")),
      ]) {
        const next = nextOutside(
          {},
          order.map((name) => injected(name)),
          undefined,
        );
        expect(next.count).toBe(count);
        expect(names(next.pods)).toEqual(sorted.slice(0, 20).map((name) => `shop/${name}`));
      }
    },
  );

  test("texts of a pod's own are cut, so that the status can be written", () => {
    const what = ["x".repeat(9_000), "y".repeat(9_000), "z".repeat(9_000), "more"];
    const next = nextOutside(
      {},
      [injected("web-1", [{ code: "AddsCapabilities", containers: ["a".repeat(63)], what }])],
      undefined,
    );
    expect(next.pods[0]?.reasons[0]?.message.length).toBeLessThan(600);
  });
});

describe("pods without a sidecar", () => {
  test("of the mesh's namespaces, each with why; not those that have one", () => {
    const pods = [
      uninjected("old"),
      uninjected("unwilling", { injection: { annotations: { [annotations.injection]: "disabled" } } }),
      uninjected("host", { injection: { hostNetwork: true } }),
      uninjected("elsewhere", { namespace: "other" }),
      { namespace: "shop", name: "injected", createdAtMs: 0, sidecarImage: "s:1" },
    ];
    const found = withoutSidecar(survey({ pods }));
    expect(found?.count).toBe(3);
    expect(found?.pods.map(({ pod, reasons }) => [pod, ...reasons.map(({ code }) => code)])).toEqual([
      ["shop/host", "HostNetwork"],
      ["shop/old", "NoSidecar"],
      ["shop/unwilling", "InjectionDisabled"],
    ]);
  });

  test.each(Object.values(surveyedLists))("nothing is known of them where %s could not be listed", (object) => {
    const unread = [{ object, why: "403", isForbidden: true }];
    expect(withoutSidecar(survey({ unread }))).toBeUndefined();
  });

  test("something else that could not be read changes nothing", () => {
    expect(withoutSidecar(survey({ unread: [{ object: "Lease a/b", why: "", isForbidden: false }] }))?.count).toBe(0);
  });
});

describe("both", () => {
  const surveyed = withoutSidecar(survey({ pods: numbered(3).map((name) => uninjected(`old-${name}`)) }));
  const many = numbered(30).map((name) => injected(name));

  function statusOf(next: ReturnType<typeof nextOutside>): RolloutStatus {
    const { count, podsWithoutSidecar = 0, pods } = next;
    const sidecars = { total: 30, verified: 30, rejected: 0, unreachable: 0, outsideGuarantee: count };
    return { sidecars, podsWithoutSidecar, outsideGuarantee: pods };
  }

  test("those without come first, and count with the others", () => {
    const next = nextOutside({}, many, surveyed);
    expect(next).toMatchObject({ count: 33, podsWithoutSidecar: 3 });
    expect(names(next.pods).slice(0, 4)).toEqual([...numbered(3).map((name) => `shop/old-${name}`), "shop/web-000"]);
    expect(next.pods).toHaveLength(20);
  });

  test("a look without a survey says the same again", () => {
    const next = nextOutside({}, many, surveyed);
    expect(nextOutside(statusOf(next), many, undefined)).toEqual(next);
  });

  test("the same where more than twenty have none", () => {
    const crowd = withoutSidecar(survey({ pods: numbered(50).map((name) => uninjected(name)) }));
    const next = nextOutside({}, [injected("z")], crowd);
    expect(next.count).toBe(51);
    expect(nextOutside(statusOf(next), [injected("z")], undefined)).toEqual(next);
  });

  test("one that has a sidecar now is no longer told as one without", () => {
    const before = statusOf(nextOutside({}, [], surveyed));
    const next = nextOutside(before, [{ pod: podSeen({ name: "old-web-001" }) }], undefined);
    expect(next).toMatchObject({ count: 2, podsWithoutSidecar: 2 });
    expect(names(next.pods)).toEqual(["shop/old-web-000", "shop/old-web-002"]);
  });

  test("an injected one that is gone is forgotten without a survey", () => {
    const before = statusOf(nextOutside({}, [injected("web-1")], surveyed));
    expect(names(nextOutside(before, [], undefined).pods)).toEqual(numbered(3).map((name) => `shop/old-${name}`));
  });

  test("one without is forgotten by the next survey", () => {
    const before = statusOf(nextOutside({}, [], surveyed));
    expect(nextOutside(before, [], withoutSidecar(survey()))).toEqual({ count: 0, podsWithoutSidecar: 0, pods: [] });
  });
});
