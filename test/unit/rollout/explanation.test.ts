import { describe, expect, test } from "vitest";
import { explanationText } from "#lib/cli/explanation-text.ts";
import type { InjectionNamespace } from "#lib/mesh/injection-rule.ts";
import { annotations, labels, meshPlace } from "#lib/mesh/names.ts";
import { type ExplainedPod, type Explanation, type ExplanationFacts, explanation } from "#lib/rollout/explanation.ts";

const shop: InjectionNamespace = {
  name: "shop",
  labels: { [labels.monitoredBy]: "osm" },
  annotations: { [annotations.injection]: "enabled" },
};
const capture = { excludedRanges: [], excludedPorts: [], allowsUdp: false };
const sidecar = { image: "s:1", capture, outside: [], injected: undefined };
const off = `off-${"0".repeat(32)}`;
const on = `on-${"0".repeat(32)}`;
const answered = {
  kind: "asked",
  state: { kind: "verified", openEgress: 0, draining: 0 },
  wanted: off,
  runs: off,
  egress: false,
} as const;

function pod(difference: Partial<ExplainedPod> = {}): ExplainedPod {
  return { namespace: "shop", name: "web-1", hasFinished: false, injection: {}, ...difference };
}

/** Of a verified pod inside the guarantee. */
function told(difference: Partial<ExplanationFacts> = {}): Explanation {
  const facts = {
    pod: pod({ sidecar }),
    namespace: shop,
    place: meshPlace,
    installed: { image: "s:1" },
    check: answered,
  };
  return explanation({ ...facts, ...difference });
}

test("a pod of which all is well", () => {
  expect(told()).toEqual({
    pod: "shop/web-1",
    inMesh: true,
    meshMessage: "namespace shop belongs to mesh osm",
    injected: true,
    injectionMessage: "it has its sidecar",
    sidecar: {
      image: "s:1",
      wanted: off,
      runs: off,
      verified: true,
      message: "verified: runs its ConfigMap's version, in which egress is off",
    },
    capture,
    guarantee: { holds: true, message: "off means that nothing gets out of it", reasons: [] },
  });
});

describe("in the mesh or not", () => {
  const { labels: _, ...unlabelled } = shop;
  const bare = pod();
  test.each<readonly [string, Partial<ExplanationFacts>, boolean | undefined, string]>([
    ["without a label", { pod: bare, namespace: unlabelled }, false, "osm namespace add shop"],
    ["without a label, with a sidecar", { namespace: unlabelled }, true, "for as long as it runs"],
    [
      "another mesh's",
      { pod: bare, place: { ...meshPlace, meshName: "m" } },
      false,
      "belongs to mesh osm, and this one is m",
    ],
    ["the system's own", { pod: bare, namespace: { ...shop, name: "kube-system" } }, false, "never in a mesh"],
    ["nobody may say", { pod: bare, namespace: undefined }, undefined, "may not be read"],
    ["nobody may say, but it has a sidecar", { namespace: undefined }, true, "for as long as it runs"],
    ["over", { pod: pod({ sidecar, hasFinished: true }) }, false, "it has finished"],
  ])("%s", (_what, facts, inMesh, message) => {
    const { inMesh: said, meshMessage } = told(facts);
    expect(said).toBe(inMesh);
    expect(meshMessage).toContain(message);
  });
});

describe("its sidecar", () => {
  const differs = { kind: "differs", runs: on, egress: true, hasRefused: false } as const;
  const silent = { kind: "silent", why: "none within 2 s", terminating: false } as const;
  test.each<readonly [string, NonNullable<ExplanationFacts["check"]>, boolean | undefined, string]>([
    ["does not run", { kind: "not-running" }, undefined, "does not run"],
    ["may not be asked", { kind: "not-allowed" }, undefined, "get on pods/proxy in namespace shop"],
    [
      "runs another version",
      { ...answered, state: differs, runs: on, egress: true },
      false,
      `OtherVersion: runs ${on}, in which egress is on`,
    ],
    [
      "is silent",
      { ...answered, state: silent, runs: undefined, egress: undefined },
      undefined,
      "NoAnswer: none within 2 s",
    ],
    ["must run nobody knows what", { ...answered, wanted: undefined }, undefined, "what it must run cannot be read"],
  ])("%s", (_what, check, verified, message) => {
    const { sidecar: said } = told({ check });
    expect(said?.verified).toBe(verified);
    expect(said?.message).toContain(message);
  });

  test("of another image than new pods get", () => {
    const old = told({ installed: { image: "s:2" } });
    expect(old.sidecar).toMatchObject({ image: "s:1", installedImage: "s:2" });
    expect(explanationText(old)).toContain("s:1, while new pods get s:2: osm restart --outdated");
  });
});

describe("outside the guarantee", () => {
  test("with every reason and its remedy", () => {
    const outside = [{ code: "Privileged", containers: ["app"] }, { code: "AllowsUdp" }] as const;
    const { guarantee } = told({ pod: pod({ sidecar: { ...sidecar, outside } }) });
    expect(guarantee.holds).toBe(false);
    expect(guarantee.reasons).toEqual([
      {
        code: "Privileged",
        containers: ["app"],
        message: "container app is privileged: free to change the pod's network",
        remedy: "set privileged to false",
      },
      {
        code: "AllowsUdp",
        message: "the pod lets UDP out, by annotation openservicemesh.io/allow-udp",
        remedy: "take the annotation out of its template",
      },
    ]);
  });

  test("for want of a sidecar", () => {
    const missing = told({ pod: pod({ injection: { hostNetwork: true } }) });
    expect(missing.guarantee.reasons.map(({ code }) => code)).toEqual(["HostNetwork"]);
    expect(missing).toMatchObject({
      injected: false,
      injectionMessage: "the pod is in its node's network, where nothing is captured",
    });
    expect(missing).not.toHaveProperty("sidecar");
    expect(missing).not.toHaveProperty("capture");
  });

  test.each<readonly [string, Partial<ExplanationFacts>]>([
    ["not the mesh's", { pod: pod(), namespace: { name: "shop" } }],
    ["nobody may say whose", { pod: pod(), namespace: undefined }],
    ["over", { pod: pod({ sidecar, hasFinished: true }) }],
  ])("without a reason to give: %s", (_what, facts) => {
    expect(told(facts).guarantee).toMatchObject({ holds: false, reasons: [] });
  });
});

test("as a person reads it", () => {
  const outside = [{ code: "MayEscalate", containers: ["app"] }] as const;
  const open = { excludedRanges: ["10.0.0.0/8"], excludedPorts: ["6379", "5432"], allowsUdp: true };
  const text = explanationText(
    told({ pod: pod({ sidecar: { image: "s:1", capture: open, outside, injected: undefined } }) }),
  );
  expect(text.split("\n")).toEqual([
    "Pod shop/web-1",
    "  in mesh    yes: namespace shop belongs to mesh osm",
    "  injected   yes: it has its sidecar",
    "  sidecar    s:1",
    "  version    verified: runs its ConfigMap's version, in which egress is off",
    "  capture    TCP but for ranges 10.0.0.0/8 and ports 6379, 5432; UDP is open",
    "  guarantee  outside: off does not mean that nothing gets out of it",
    "",
    "  MayEscalate: container app may gain rights through files with the setuid bit, and so become the sidecar's user",
    "  → set allowPrivilegeEscalation to false",
  ]);
});
