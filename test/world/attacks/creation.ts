import { annotations, sidecar } from "#lib/mesh/names.ts";
import { nodeName } from "#test/cluster/addresses.ts";
import { sites } from "#test/cluster/outside/sites.ts";
import { eventually } from "#test/eventually.ts";
import { creating, getsOut, outward, probing, reachesFromElsewhere } from "./attempts.ts";
import { foreignImages } from "./entering.ts";
import { app, type Ground, must, shop, shopPod } from "./ground.ts";
import type { Contained, Family, Refused } from "./ways.ts";

const byInjection = "Policy `osm-sidecar-injection`";
const image = "osm-egress/test-app:test";
const idle = ["/bin/probe", "pause"];

/** Both containers and both volumes, with the attacker's own in them: what a copy of a live pod has. */
const fakeSidecar = {
  initContainers: [
    { name: sidecar.captureContainer, image, command: ["true"] },
    { name: sidecar.container, image, command: idle, restartPolicy: "Always" },
  ],
  volumes: [
    { name: sidecar.volume, emptyDir: {} },
    { name: "osm-sidecar-run", emptyDir: {} },
  ],
};

function refusedPod(
  way: string,
  spec: object,
  says: string,
  because: string,
  more?: Readonly<Record<string, string>>,
): Refused {
  return creating(way, shopPod("refused", spec, more), says, because);
}

function runningPod(way: string, name: string, spec: object, because: string): Contained {
  return { verdict: "contained", way, because, pod: { name, spec: () => spec }, attempt: probing(name, outward) };
}

/** One that injection leaves out, because nothing on a Linux node could run it. */
function neverRuns(way: string, name: string, spec: object, more: Readonly<Record<string, string>>): Contained {
  return {
    verdict: "contained",
    way,
    because: "Not injected, and the kubelet does not run it",
    async attempt({ admin, mallory }) {
      /** @returns whether the kubelet runs a pod that is bound to its node by whoever creates it */
      async function runs(pod: string, special: object, annotations: Readonly<Record<string, string>>) {
        const asked = { nodeName, restartPolicy: "Never", ...special };
        await must(mallory(["create", "-f", "-"], shopPod(pod, asked, annotations)));
        const decided = async () => {
          const said = await admin(["get", "pod", pod, "-n", shop, "-o", "json"]);
          return said.stderr.includes("NotFound")
            ? "gone"
            : /"phase": "(Failed|Running|Succeeded)"/.exec(said.stdout)?.[1];
        };
        const end = await eventually(`the kubelet has decided on pod ${pod}`, decided, { withinMs: 60_000 });
        await admin(["delete", "pod", pod, "-n", shop, "--wait=false", "--ignore-not-found"]);
        return end !== "Failed" && end !== "gone";
      }
      return { got: await runs(name, spec, more), control: await runs(`${name}-plain`, {}, {}) };
    },
  };
}

const byController: Contained = {
  verdict: "contained",
  way: "The same by a Deployment, whose pods a controller creates",
  because: byInjection,
  prepare: ({ mallory }) =>
    must(
      mallory(["create", "-f", "-"], {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "deployed", namespace: shop },
        spec: {
          selector: { matchLabels: { app: "deployed" } },
          template: {
            metadata: { labels: { app: "deployed" } },
            spec: { terminationGracePeriodSeconds: 1, containers: [app()], ...fakeSidecar },
          },
        },
      }),
    ),
  async attempt(ground) {
    await must(ground.mallory(["rollout", "status", "deployment/deployed", "-n", shop, "--timeout=60s"]));
    const named = "jsonpath={.items[0].metadata.name}";
    const pod = await must(ground.admin(["get", "pods", "-n", shop, "-l", "app=deployed", "-o", named]));
    return fake(ground, pod);
  },
};

async function fake(ground: Ground, pod: string) {
  return {
    got: (await foreignImages(ground, pod)) || (await getsOut(ground, pod, outward())),
    control: await reachesFromElsewhere(ground, outward()),
  };
}

const early: Contained = {
  verdict: "contained",
  way: "An init container of its own, before the sidecar is asked for",
  because: "Capture and sidecar come first, and are waited for",
  pod: {
    name: "early-bird",
    spec: ({ world }) => {
      const line = `/bin/probe -timeout 2s tcp ${world.outside.sites.tcp.target}; true`;
      return { initContainers: [app({ name: "first", command: ["sh", "-c", line] })] };
    },
  },
  async attempt(ground) {
    const said = await must(ground.mallory(["logs", "early-bird", "-n", shop, "-c", "first"]));
    return { got: !said.includes('"event":"failed"'), control: await reachesFromElsewhere(ground, outward()) };
  },
};

const toAnotherHost = { httpGet: { host: sites.http.address, port: 80, path: "/what-was-read" } };
const byDetours = `${byInjection}: the kubelet would do it from the node's network`;

export const creation: Family = {
  title: "A pod of one's own",
  attacks: [
    {
      verdict: "contained",
      way: "A fake sidecar: both containers and both volumes of the mesh's, with other images and an open configuration",
      because: "A pod that brings both containers gets them rendered anew",
      pod: { name: "fake", spec: () => fakeSidecar },
      attempt: (ground) => fake(ground, "fake"),
    },
    byController,
    refusedPod(
      "An init container that is only named like the sidecar, so that injection passes it over",
      { initContainers: [{ name: sidecar.container, image, command: idle, restartPolicy: "Always" }] },
      "Duplicate value",
      `${byInjection} puts its own beside it, and the API server takes no name twice`,
    ),
    refusedPod(
      "A container of that name",
      { containers: [app(), app({ name: sidecar.container })] },
      "Duplicate value",
      "The same",
    ),
    refusedPod(
      "A volume named like the sidecar's",
      { volumes: [{ name: "osm-sidecar-run", emptyDir: {} }] },
      "Duplicate value",
      "The same",
    ),
    refusedPod(
      "The volume of Envoy's admin socket mounted by the app",
      { containers: [app({ volumeMounts: [{ name: "osm-sidecar-run", mountPath: "/there" }] })] },
      "must not mount",
      byInjection,
    ),
    refusedPod("The injection annotation misspelt", {}, "must be enabled or disabled", byInjection, {
      [annotations.injection]: "off",
    }),
    refusedPod(
      "A probe of another host: what is read goes into its path, by the kubelet",
      { containers: [app({ livenessProbe: toAnotherHost })] },
      "must not name a host",
      byDetours,
    ),
    refusedPod(
      "A lifecycle hook that calls another host",
      { containers: [app({ lifecycle: { postStart: toAnotherHost } })] },
      "must not name a host",
      byDetours,
    ),
    refusedPod(
      "Name servers of its own (`dnsConfig`), to which the capture would let UDP through",
      { dnsPolicy: "None", dnsConfig: { nameservers: [sites.dns.address] } },
      "needed for dnsConfig.nameservers",
      "Policy `osm-exempt`: it takes the verb `exempt`, which `edit` has not",
    ),
    refusedPod(
      "Name servers of its own by a resolver option with a line break in its value",
      { dnsConfig: { options: [{ name: "ndots", value: `5\nnameserver ${sites.dns.address}` }] } },
      "only letters, digits and _ . : - in names and values",
      byInjection,
    ),
    early,
    runningPod(
      "Another service account",
      "other-account",
      { serviceAccountName: "other" },
      "Every account's sidecars have the switch",
    ),
    {
      verdict: "contained",
      way: "An outside address under an in-mesh name, by `hostAliases`",
      because: "The sidecar decides by address, not by name",
      pod: { name: "aliased", spec: () => ({ hostAliases: [{ ip: sites.tcp.address, hostnames: ["server"] }] }) },
      attempt: async (ground) => ({
        got: await getsOut(ground, "aliased", ["tcp", `server:${sites.tcp.port}`]),
        control: await reachesFromElsewhere(ground, ["tcp", `${sites.tcp.address}:${sites.tcp.port}`]),
      }),
    },
    runningPod(
      "The node's processes (`hostPID`), without further rights",
      "host-pid",
      { hostPID: true },
      "Processes of other users are the kernel's to guard",
    ),
    neverRuns(
      "A pod that says it is for Windows, bound to a Linux node",
      "windows",
      { os: { name: "windows" }, containers: [app({ securityContext: undefined })] },
      {},
    ),
    neverRuns(
      "A node selector for Windows, bound to a Linux node",
      "windows-selector",
      { nodeSelector: { "kubernetes.io/os": "windows" } },
      {},
    ),
    neverRuns("A pod that says it mirrors a static one", "mirror", {}, { "kubernetes.io/config.mirror": "x" }),
  ],
};
