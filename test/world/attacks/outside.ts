import { images } from "#deploy/images.ts";
import type { OutsideCode } from "#lib/mesh/guarantee.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { sites } from "#test/cluster/outside/sites.ts";
import { eventually } from "#test/eventually.ts";
import { arrivedFrom, outward, probing, reaches, reachesFromElsewhere } from "./attempts.ts";
import { app, asImageSays, type Ground, restricted } from "./ground.ts";
import { addedAsUser, relay } from "./joined.ts";
import { nodeFiles } from "./node-files.ts";
import type { AttackPod, Family, Outside, Tried } from "./ways.ts";

const { udp } = sites;
const becomes = "Envoy's user is not captured, and a container may become it";
const itself = "Envoy's user is not captured";
const theirs = "The rules are in the pod's own network";

function outsider(
  code: OutsideCode,
  way: string,
  because: string,
  pod: AttackPod,
  attempt: (ground: Ground) => Promise<Tried> = probing(pod.name, outward),
): Outside {
  return { verdict: "outside", code, way, because, pod, attempt };
}

/** Everything as it has to be, but for this. */
function withContainer(name: string, differing: object, more: object = {}): AttackPod {
  return { name, spec: () => ({ containers: [app({ securityContext: { ...restricted, ...differing }, ...more })] }) };
}

/** What root has where nothing is dropped. */
const asRoot = { runAsUser: 0, capabilities: {} };

/** The sidecar's image has the programs to undo what it did. */
const undo = {
  name: "undo",
  image: images().sidecar,
  command: ["sh", "-c", "iptables -t nat -F OUTPUT && iptables -F OUTPUT"],
};

/** Of root's own making, where SETUID is dropped but CHOWN is not. */
const ownSetuid = "busybox cp /bin/probe /tmp/p && busybox chown 1500 /tmp/p && busybox chmod 4755 /tmp/p && ";

/** Its own line: no answer comes back to a packet that the kernel knows nothing of. */
async function byPacket(ground: Ground): Promise<Tried> {
  const target = `${udp.address}:${udp.port}`;
  await ground.world.outside.forget();
  await reaches(ground, "raw", ["packet", target]);
  const address = await ground.addressOf("raw");
  const got = await eventually("it has arrived", () => arrivedFrom(ground, address));
  return { got, control: await reachesFromElsewhere(ground, ["udp", target]) };
}

export const outside: Family = {
  title: "Outside the guarantee",
  attacks: [
    outsider(
      "SidecarUser",
      "A container that runs as user 1500",
      itself,
      withContainer("as-sidecar", { runAsUser: sidecar.uid }),
    ),
    outsider("SidecarUser", "The same for the whole pod", itself, {
      name: "all-as-sidecar",
      spec: () => ({
        securityContext: { runAsUser: sidecar.uid },
        containers: [app({ securityContext: asImageSays.securityContext })],
      }),
    }),
    outsider(
      "UnknownUser",
      "An image that says user 1500",
      `${itself}, and what an image says the API server cannot see`,
      {
        name: "image-as-sidecar",
        spec: () => ({ containers: [app(asImageSays)] }),
      },
    ),
    outsider(
      "KeepsCapabilities",
      "`su` to user 1500, by root with the capabilities that a container has by default",
      becomes,
      withContainer("by-su", asRoot),
      async (ground) => ({
        got: await reaches(ground, "by-su", [...outward(), "'"], { program: "su osm -c '/bin/probe" }),
        control: await reachesFromElsewhere(ground, outward()),
      }),
    ),
    outsider(
      "MayEscalate",
      "A file of user 1500's with the setuid bit, run by a user without capabilities",
      `${becomes}: \`allowPrivilegeEscalation\` is not false`,
      withContainer("by-setuid", { allowPrivilegeEscalation: undefined }),
      probing("by-setuid", outward, { program: "/bin/probe-1500" }),
    ),
    outsider(
      "MayEscalate",
      "Such a file of root's own making, where SETUID, SETGID and NET_RAW are dropped but CHOWN is not",
      `${becomes}: \`allowPrivilegeEscalation\` is not false`,
      withContainer("by-chown", {
        ...asRoot,
        allowPrivilegeEscalation: undefined,
        capabilities: { drop: ["SETUID", "SETGID", "NET_RAW"] },
      }),
      probing("by-chown", outward, { before: ownSetuid, program: "/tmp/p" }),
    ),
    outsider(
      "KeepsCapabilities",
      "A packet socket (NET_RAW, which root has by default)",
      "No rule of iptables sees its packets",
      withContainer("raw", { ...asRoot, capabilities: { drop: ["SETUID", "SETGID"] } }),
      byPacket,
    ),
    outsider("AddsCapabilities", "The rules deleted by a container with NET_ADMIN", theirs, {
      name: "net-admin",
      spec: () => ({
        initContainers: [
          {
            ...undo,
            securityContext: { ...restricted, runAsUser: 0, capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] } },
          },
        ],
      }),
    }),
    outsider("Privileged", "The same by a privileged one", theirs, {
      name: "privileged",
      spec: () => ({ initContainers: [{ ...undo, securityContext: { privileged: true } }] }),
    }),
    outsider(
      "HostNetwork",
      "The node's network (`hostNetwork`)",
      "Nothing is captured there, and no sidecar is put in",
      {
        name: "on-host",
        spec: () => ({ hostNetwork: true, containers: [app({ command: ["sleep", "86400"] })] }),
      },
    ),
    nodeFiles,
    outsider(
      "NoSidecar",
      "A pod from before its namespace was added, never restarted",
      "It has no sidecar. Created now it would get one: `osm restart --outdated`",
      {
        name: "older",
        early: true,
      },
    ),
    addedAsUser,
    relay,
  ],
};
