import { images } from "../images.ts";
import type { ImageSettings } from "./archive.ts";
import type { Tree } from "./tree.ts";

export const forwarderImage: ImageSettings = {
  reference: images().forwarder,
  entrypoint: ["/usr/local/bin/node", "/opt/osm/osm.mjs"],
  command: ["forward"],
  environment: { NODE_ENV: "production" },
  user: "65532:65532",
};

/** The layer that seldom changes: Node.js with the libraries that it loads, and the machine's public certificates. */
export async function fillNodeTree(tree: Tree, node: string): Promise<void> {
  await tree.program("/usr/local/bin/node", node);
  await tree.text("/etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nosm:x:65532:65532:osm:/:/sbin/nologin\n");
  await tree.text("/etc/group", "root:x:0:\nosm:x:65532:\n");
  await tree.directory("/tmp", { uid: 0, mode: 0o1777 });
}

/** The layer of the product itself. @param bundle  the bundled command line, one ES module */
export async function fillForwarderTree(tree: Tree, bundle: string): Promise<void> {
  await tree.file("/opt/osm/osm.mjs", bundle);
}
