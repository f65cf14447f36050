import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuiltImage } from "#deploy/images/build.ts";
import { eventually } from "#test/eventually.ts";
import { pauseImage } from "#test/images/images.ts";
import { addresses } from "./addresses.ts";
import type { World } from "./world.ts";

export interface Containerd {
  readonly socket: string;
  /** Makes an image known to the node, under the reference that it has in its archive. */
  importImage(image: Pick<BuiltImage, "archive">): Promise<void>;
  /** Containerd's own command line, in the kubelet's namespace. */
  ctr(...args: readonly string[]): Promise<string>;
}

export async function startContainerd(world: World): Promise<Containerd> {
  const root = join(world.directory, "containerd");
  const cni = join(root, "cni");
  await mkdir(cni, { recursive: true });
  const socket = socketOf(world);
  await writeFile(join(root, "config.toml"), configuration(root, socket, cni));
  await writeFile(join(cni, "10-bridge.conflist"), JSON.stringify(network(root)));
  await world.spawn("containerd", ["containerd", "--config", join(root, "config.toml"), "--log-level", "warn"]);
  await eventually("containerd's socket", () => existsSync(socket), {
    everyMs: 100,
    tell: () => `see ${world.logPath("containerd")}`,
  });
  return openContainerd(world);
}

/** The node's containerd, once it runs. */
export function openContainerd(world: World): Containerd {
  const socket = socketOf(world);
  const ctr = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await world.run(["ctr", "--address", socket, "--namespace", "k8s.io", ...args], {
      timeoutMs: 180_000,
    });
    return stdout;
  };
  return {
    socket,
    ctr,
    importImage: async ({ archive }) => {
      await ctr("images", "import", archive);
    },
  };
}

function socketOf(world: World): string {
  return join(world.directory, "containerd", "containerd.sock");
}

function configuration(root: string, socket: string, cni: string): string {
  return `version = 2
root = "${join(root, "root")}"
state = "${join(root, "state")}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # A profile would be loaded into the machine's kernel and stay there.
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE a process cannot lower its OOM score below its parent's.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;
}

/** Pods get an IPv4 and an IPv6 address: an application can try both ways out. */
function network(root: string): object {
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        hairpinMode: true,
        ipMasq: false,
        ipam: {
          type: "host-local",
          dataDir: join(root, "ipam"),
          ranges: [[{ subnet: addresses.pods }], [{ subnet: addresses.pods6 }]],
          routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}
