import { describe, expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import { type SurveyedPod, surveyedLists } from "#lib/rollout/drift/survey.ts";
import type { InjectedParts, ObservedPod } from "#lib/rollout/observation.ts";
import { type InstalledMesh, nextOutside, sidecarReasons, withoutSidecar } from "#lib/rollout/outside-guarantee.ts";
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

describe("a sidecar that is not as the mesh makes it", () => {
  const image = "registry:5000/osm-egress/sidecar:2";
  const open = { ranges: [], ports: [], udp: false };
  const mesh = { image, excludedRanges: ["10.0.0.0/8"], excludedPorts: [443] };
  const told = (difference: Partial<InjectedParts>, than: InstalledMesh = mesh) =>
    sidecarReasons({ images: [image, image], foreign: [], hasOurArguments: true, open, ...difference }, than).map(
      ({ code, what }) => [code, what],
    );

  test.each<[string, Partial<InjectedParts>, readonly (readonly [string, readonly string[]])[]]>([
    ["as it is", {}, []],
    ["an older version of ours", { images: Array(2).fill("registry:5000/osm-egress/sidecar:1") }, []],
    ["the same by its digest", { images: Array(2).fill("registry:5000/osm-egress/sidecar@sha256:12") }, []],
    [
      "somebody's image",
      { images: [image, "evil/osm-egress/sidecar:2"] },
      [["ForeignSidecar", ["image evil/osm-egress/sidecar:2"]]],
    ],
    ["no image", { images: ["", image] }, [["ForeignSidecar", ["image none"]]]],
    ["another command", { foreign: ["envoy command"] }, [["ForeignSidecar", ["envoy command"]]]],
    ["other arguments", { hasOurArguments: false }, [["ForeignSidecar", ["envoy args"]]]],
    [
      "another version's arguments",
      { hasOurArguments: false, images: Array(2).fill("registry:5000/osm-egress/sidecar:1") },
      [],
    ],
    ["the mesh's exclusions", { open: { ranges: ["10.0.0.0/8"], ports: ["443"], udp: false } }, []],
    [
      "exclusions that the mesh has not",
      { open: { ranges: ["10.0.0.0/8", "192.0.2.0/24"], ports: ["80"], udp: true } },
      [["OutdatedCapture", ["192.0.2.0/24", "port 80", "UDP"]]],
    ],
    [
      "what its annotations say",
      {
        open: { ranges: ["192.0.2.0/24"], ports: ["80"], udp: true },
        own: { ranges: ["192.0.2.0/24"], ports: ["80"], udp: true },
      },
      [],
    ],
  ])("%s", (_what, difference, reasons) => expect(told(difference)).toEqual(reasons));

  test("nothing is compared with what is not known", () => {
    const everything = { images: ["a", "b"], hasOurArguments: false, open: { ...open, ranges: ["0.0.0.0/0"] } };
    expect(told(everything, {})).toEqual([]);
  });

  test("counted and named in the status, after what its containers are named for", () => {
    const injectedParts = { images: [image, image], foreign: ["envoy env"], hasOurArguments: true, open };
    const pod = podSeen({ name: "web-1", outside: root, injected: injectedParts });
    const { count, pods } = nextOutside({}, [{ pod }], undefined, mesh);
    expect([count, pods[0]?.reasons.map(({ code }) => code)]).toEqual([1, ["KeepsCapabilities", "ForeignSidecar"]]);
  });
});

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
