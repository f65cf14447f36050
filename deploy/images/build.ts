import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cached, digestOf, digestOfFiles, type Progress, removeUnused } from "../../tools/setup/cache.ts";
import { type ImageSettings, writeArchive } from "./archive.ts";
import { fillForwarderTree, fillNodeTree, forwarderImage } from "./forwarder.ts";
import { fillSidecarTree, sidecarImage } from "./sidecar.ts";
import { openTree, type Tree } from "./tree.ts";

export interface BuiltImage {
  readonly reference: string;
  /** A docker-archive. */
  readonly archive: string;
}

/** One layer: what it is made of decides whether it has to be made again. */
export interface Layer {
  readonly inputs: readonly string[];
  readonly fill: (tree: Tree) => Promise<void>;
}

/** Builds an image into the cache, or finds it there. */
export async function ensureImage(
  settings: ImageSettings,
  layers: readonly Layer[],
  progress: Progress = () => undefined,
): Promise<BuiltImage> {
  const name = settings.reference.replace(/[^a-zA-Z0-9.]+/g, "_");
  const files = layers.flatMap((layer) => layer.inputs);
  const recipe = layers.map((layer) => String(layer.fill)).join();
  const key = await digestOfFiles(files, digestOf(JSON.stringify(settings), recipe));
  const directory = await cached(
    `image-${name}`,
    key,
    async (draft) => {
      progress(`building image ${settings.reference}`);
      const trees: string[] = [];
      for (const [index, layer] of layers.entries()) {
        const tree = await openTree(join(draft, `tree-${index}`));
        await layer.fill(tree);
        trees.push(tree.root);
      }
      await mkdir(join(draft, "scratch"));
      await writeArchive(settings, trees, join(draft, "image.tar"), join(draft, "scratch"));
      for (const path of [...trees, join(draft, "scratch")]) await rm(path, { recursive: true });
      await removeUnused(`image-${name}`);
    },
    progress,
  );
  return { reference: settings.reference, archive: join(directory, "image.tar") };
}

const here = import.meta.dirname;

/** @param envoy  path of the Envoy binary to pack */
export async function ensureSidecarImage(envoy: string, progress?: Progress): Promise<BuiltImage> {
  const scripts = (await readdir(join(here, "sidecar"))).map((name) => join(here, "sidecar", name));
  const inputs = [envoy, "/usr/sbin/xtables-nft-multi", "/bin/busybox", join(here, "sidecar.ts"), ...scripts];
  return ensureImage(sidecarImage, [{ inputs, fill: (tree) => fillSidecarTree(tree, envoy) }], progress);
}

/**
 * @param node    path of the Node.js binary to pack
 * @param bundle  path of the bundled command line
 */
export async function ensureForwarderImage(node: string, bundle: string, progress?: Progress): Promise<BuiltImage> {
  return ensureImage(
    forwarderImage,
    [
      { inputs: [node, join(here, "forwarder.ts")], fill: (tree) => fillNodeTree(tree, node) },
      { inputs: [bundle], fill: (tree) => fillForwarderTree(tree, bundle) },
    ],
    progress,
  );
}
