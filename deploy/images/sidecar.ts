import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { sidecar } from "../../lib/mesh/names.ts";
import { triplets } from "../../tools/setup/architecture.ts";
import { images } from "../images.ts";
import type { ImageSettings } from "./archive.ts";
import type { Tree } from "./tree.ts";

export const sidecarImage: ImageSettings = {
  reference: images().sidecar,
  entrypoint: ["/usr/local/bin/envoy"],
};

/** Envoy's scratch directory inside the pod: its admin socket. */
export const sidecarRunDirectory = "/run/osm-sidecar";

/** Files beside this module that the image carries under /usr/local/bin, executable. */
const scripts = join(import.meta.dirname, "sidecar");

/**
 * The image of both injected containers: Envoy, and iptables with a shell for the capture script. Programs are those of the
 * tree's source (Debian's iptables and busybox-static), with the libraries that they load.
 */
export async function fillSidecarTree(tree: Tree, envoy: string): Promise<void> {
  const { root } = tree.source;
  await tree.program("/usr/local/bin/envoy", envoy);
  await tree.file("/bin/busybox", join(root, "bin/busybox"), 0o755);
  for (const name of ["sh", "cat", "cut", "echo", "env", "grep", "id", "ls", "sed", "sleep", "tr", "true", "wc"]) {
    await tree.link(`/bin/${name}`, "busybox");
  }
  await tree.program("/usr/sbin/xtables-nft-multi", join(root, "usr/sbin/xtables-nft-multi"));
  for (const name of ["iptables", "ip6tables"]) {
    for (const suffix of ["", "-save", "-restore"]) {
      await tree.link(`/usr/sbin/${name}${suffix}`, "xtables-nft-multi");
      await tree.link(`/usr/sbin/${name}-nft${suffix}`, "xtables-nft-multi");
    }
  }
  await copyExtensions(tree);
  await tree.text("/etc/passwd", `root:x:0:0:root:/:/bin/sh\nosm:x:${sidecar.uid}:${sidecar.uid}:sidecar:/:/bin/sh\n`);
  await tree.text("/etc/group", `root:x:0:\nosm:x:${sidecar.uid}:\n`);
  await tree.file("/etc/protocols", join(root, "etc/protocols"));
  await tree.directory("/tmp", { uid: 0, mode: 0o1777 });
  // iptables' lock file is here; the capture container has no other writable place.
  await tree.directory("/run", { uid: 0, mode: 0o755 });
  await tree.directory(sidecarRunDirectory, { uid: sidecar.uid, mode: 0o750 });
  for (const name of (await readdir(scripts)).filter((file) => file.endsWith(".sh"))) {
    await tree.file(`/usr/local/bin/${name}`, join(scripts, name), 0o755);
  }
}

/** Matches and targets are plug-ins: those of iptables and ip6tables, without ebtables' and arptables'. */
async function copyExtensions(tree: Tree): Promise<void> {
  const { architecture, root } = tree.source;
  const directory = `/usr/lib/${triplets[architecture]}/xtables`;
  for (const name of await readdir(join(root, directory))) {
    if (/^lib(xt|ipt|ip6t)_\w+\.so$/.test(name)) {
      await tree.file(`${directory}/${name}`, join(root, directory, name));
    }
  }
}
