import { describe, expect, test } from "vitest";
import type { OutsideReason } from "#lib/mesh/guarantee.ts";
import { annotations, sidecar } from "#lib/mesh/names.ts";
import { type JudgedPod, outsideReasons } from "#lib/mesh/pod-guarantee.ts";

type Security = NonNullable<NonNullable<JudgedPod["spec"]["containers"]>[number]["securityContext"]>;
type Row = readonly [what: string, pod: JudgedPod, reasons: readonly OutsideReason[]];

const harmless: Security = { runAsUser: 1000, allowPrivilegeEscalation: false };
const defaults = ["SETUID", "SETGID", "NET_RAW"];

/** One container that is harmless but for this, and the rest of its pod. */
function app(difference: Security, rest: Omit<JudgedPod, "spec"> & Partial<JudgedPod["spec"]> = {}): JudgedPod {
  const { metadata, status, ...spec } = rest;
  return {
    ...(metadata ? { metadata } : {}),
    ...(status ? { status } : {}),
    spec: { containers: [{ name: "app", securityContext: { ...harmless, ...difference } }], ...spec },
  };
}

const ofApp = (code: OutsideReason["code"], ...what: readonly string[]): OutsideReason => ({
  code: code,
  containers: ["app"],
  ...(what.length > 0 ? { what } : {}),
});

function runningAs(uid: number): NonNullable<JudgedPod["status"]> {
  return { containerStatuses: [{ name: "app", user: { linux: { uid } } }] };
}

const byPod = { securityContext: { runAsUser: 1000 } };
const unknown = { runAsUser: undefined } as unknown as Security;

describe("a container", () => {
  test.each<Row>([
    ["that can do nothing", app({ capabilities: { drop: ["ALL"] } }), []],
    ["of an ordinary user, whose capabilities are not in effect", app({}), []],
    ["with the harmless capability", app({ capabilities: { add: ["NET_BIND_SERVICE"] } }), []],
    ["the same by another spelling", app({ capabilities: { add: ["cap_net_bind_service"] } }), []],
    ["root without the means", app({ runAsUser: 0, capabilities: { drop: ["ALL"] } }), []],
    ["root without the three", app({ runAsUser: 0, capabilities: { drop: ["setuid", "CAP_SETGID", "NET_RAW"] } }), []],
    ["of the user before the sidecar's", app({ runAsUser: 1499 }), []],
    ["of the user after it", app({ runAsUser: 1501 }), []],

    ["privileged", app({ privileged: true }), [ofApp("Privileged")]],
    ["escalating", app({ allowPrivilegeEscalation: true }), [ofApp("MayEscalate")]],
    [
      "that says nothing",
      { spec: { containers: [{ name: "app" }] } },
      [ofApp("MayEscalate"), ofApp("KeepsCapabilities", ...defaults), ofApp("UnknownUser")],
    ],
    [
      "with more than the harmless one",
      app({ capabilities: { add: ["NET_BIND_SERVICE", "sys_ptrace", "NET_ADMIN"] } }),
      [ofApp("AddsCapabilities", "SYS_PTRACE", "NET_ADMIN")],
    ],
    ["root that drops nothing", app({ runAsUser: 0 }), [ofApp("KeepsCapabilities", ...defaults)]],
    [
      "root that keeps one",
      app({ runAsUser: 0, capabilities: { drop: ["SETUID", "NET_RAW"] } }),
      [ofApp("KeepsCapabilities", "SETGID")],
    ],
    [
      // Upper case makes an S of it, and no runtime knows it.
      "root that drops what only looks like one",
      app({ runAsUser: 0, capabilities: { drop: ["ſETUID", "SETGID", "NET_RAW"] } }),
      [ofApp("KeepsCapabilities", "SETUID")],
    ],
    ["of the sidecar's user", app({ runAsUser: sidecar.uid }), [ofApp("SidecarUser")]],
  ])("%s", (_what, pod, reasons) => {
    expect(outsideReasons(pod)).toEqual(reasons);
  });
});

describe("its user: the container's, else the pod's, else what the kubelet has seen", () => {
  const dropped: Security = { ...unknown, capabilities: { drop: ["ALL"] } };
  test.each<Row>([
    ["the pod's", app(dropped, byPod), []],
    [
      "the pod's is root's, and it keeps the defaults",
      app(unknown, { securityContext: { runAsUser: 0 } }),
      [ofApp("KeepsCapabilities", ...defaults)],
    ],
    [
      "the pod's is the sidecar's",
      app(dropped, { securityContext: { runAsUser: sidecar.uid } }),
      [ofApp("SidecarUser")],
    ],
    ["the container's wins", app({}, { securityContext: { runAsUser: sidecar.uid } }), []],
    ["nobody's", app(dropped), [ofApp("UnknownUser")]],
    [
      "nobody's, and it keeps the defaults",
      app(unknown),
      [ofApp("KeepsCapabilities", ...defaults), ofApp("UnknownUser")],
    ],
    ["the image's, as seen", app(unknown, { status: runningAs(1000) }), []],
    ["the image's is the sidecar's", app(unknown, { status: runningAs(sidecar.uid) }), [ofApp("SidecarUser")]],
    ["the image's is root's", app(unknown, { status: runningAs(0) }), [ofApp("KeepsCapabilities", ...defaults)]],
    ["what is asked for wins over what was seen", app({}, { status: runningAs(sidecar.uid) }), []],
    [
      "another container's says nothing",
      app(dropped, { status: { containerStatuses: [{ name: "log", user: { linux: { uid: 1000 } } }] } }),
      [ofApp("UnknownUser")],
    ],
  ])("%s", (_what, pod, reasons) => {
    expect(outsideReasons(pod)).toEqual(reasons);
  });
});

describe("which containers", () => {
  const bad = { ...harmless, privileged: true };
  const bads = (...names: readonly string[]) => names.map((name) => ({ name, securityContext: bad }));
  const privileged = (...containers: readonly string[]) => [{ code: "Privileged", containers } as const];
  const added = (...what: readonly string[]) => [{ code: "EphemeralContainer", containers: ["debug"], what } as const];
  test.each<Row>([
    [
      "all of the pod's own, each cause once",
      { spec: { containers: bads("app", "log"), initContainers: bads("own") } },
      privileged("app", "log", "own"),
    ],
    [
      "not the injected ones",
      { spec: { containers: [], initContainers: bads(sidecar.captureContainer, sidecar.container, "own") } },
      privileged("own"),
    ],
    [
      "a container that only has the name of one",
      { spec: { containers: bads(sidecar.container) } },
      privileged(sidecar.container),
    ],
    [
      "an ephemeral one, by itself",
      { spec: { containers: bads("app"), ephemeralContainers: bads("debug") } },
      [...privileged("app"), ...added("Privileged")],
    ],
    [
      "an ephemeral one that says nothing",
      { spec: { ephemeralContainers: [{ name: "debug" }] } },
      added("MayEscalate", "KeepsCapabilities", "UnknownUser"),
    ],
    ["a harmless ephemeral one", { spec: { ephemeralContainers: [{ name: "debug", securityContext: harmless }] } }, []],
    [
      "one that runs still",
      {
        spec: { ephemeralContainers: bads("debug") },
        status: { ephemeralContainerStatuses: [{ name: "debug", state: {} }] },
      },
      added("Privileged"),
    ],
    [
      "not one that has ended, for it never runs again",
      {
        spec: { ephemeralContainers: bads("first", "debug") },
        status: { ephemeralContainerStatuses: [{ name: "first", state: { terminated: {} } }] },
      },
      added("Privileged"),
    ],
    [
      "what several add is told together",
      {
        spec: {
          containers: [
            { name: "app", securityContext: { ...harmless, capabilities: { add: ["NET_ADMIN"] } } },
            { name: "log", securityContext: { ...harmless, capabilities: { add: ["NET_ADMIN", "BPF"] } } },
          ],
        },
      },
      [{ code: "AddsCapabilities", containers: ["app", "log"], what: ["NET_ADMIN", "BPF"] }],
    ],
  ])("%s", (_what, pod, reasons) => {
    expect(outsideReasons(pod)).toEqual(reasons);
  });
});

describe("the pod", () => {
  const noted = (name: string, value: string) => app({}, { metadata: { annotations: { [name]: value } } });
  const { allowUdp, excludedRanges, excludedPorts } = annotations;
  test.each<Row>([
    ["in the host's network", app({}, { hostNetwork: true }), [{ code: "HostNetwork" }]],
    ["in its own", app({}, { hostNetwork: false }), []],
    ["that sees the node's processes", app({}, { hostPID: true }), [{ code: "NodeProcesses" }]],
    ["that does not", app({}, { hostPID: false }), []],
    [
      "with the node's files, and what it fetches",
      app(
        {},
        {
          volumes: [
            { name: "logs", hostPath: { path: "/" } },
            { name: "own", emptyDir: {} },
            { name: "share", nfs: {} },
          ],
        },
      ),
      [{ code: "NodeVolumes", what: ["logs", "share"] }],
    ],
    ["with volumes of its own", app({}, { volumes: [{ name: "own", emptyDir: {} }] }), []],
    ["with UDP", noted(allowUdp, "true"), [{ code: "AllowsUdp" }]],
    ["with UDP by an unknown spelling", noted(allowUdp, "yes"), [{ code: "AllowsUdp" }]],
    ["without UDP", noted(allowUdp, "false"), []],
    ["that says nothing of UDP", noted(allowUdp, ""), []],
    [
      "with excluded ranges",
      noted(excludedRanges, " 10.0.0.0/8,10.1.0.0/16 "),
      [{ code: "ExcludesRanges", what: ["10.0.0.0/8,10.1.0.0/16"] }],
    ],
    ["with excluded ports", noted(excludedPorts, "6379"), [{ code: "ExcludesPorts", what: ["6379"] }]],
    ["with empty lists", app({}, { metadata: { annotations: { [excludedRanges]: " ", [excludedPorts]: "" } } }), []],
    ["with other annotations", noted("team", "true"), []],
    [
      "with name servers of its own",
      app({}, { dnsConfig: { nameservers: ["127.0.0.53", "198.51.100.1", "10.96.0.10", "fd00::a"] } }),
      [{ code: "OwnNameServers", what: ["198.51.100.1", "10.96.0.10"] }],
    ],
    [
      "with its cloud's name server",
      app({}, { dnsConfig: { nameservers: ["169.254.169.253"] } }),
      [{ code: "OwnNameServers", what: ["169.254.169.253"] }],
    ],
    ["with name servers on its node", app({}, { dnsConfig: { nameservers: ["169.254.20.10", "::1"] } }), []],
    ["with search domains", app({}, { dnsConfig: {} }), []],
  ])("%s", (_what, pod, reasons) => {
    expect(outsideReasons(pod)).toEqual(reasons);
  });

  test("all of them in one order, the pod's own first and the annotations last", () => {
    const pod = app({ privileged: true }, { hostNetwork: true, metadata: { annotations: { [allowUdp]: "1" } } });
    expect(outsideReasons(pod).map(({ code }) => code)).toEqual(["HostNetwork", "Privileged", "AllowsUdp"]);
  });
});
