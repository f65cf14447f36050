import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ownSource, type Source } from "../../tools/setup/architecture.ts";
import { cached, digestOf, digestOfFiles, type Progress, removeUnused } from "../../tools/setup/cache.ts";
import { type ImageSettings, writeArchive } from "./archive.ts";
import { fillForwarderTree, fillNodeTree, forwarderImage } from "./forwarder.ts";
import { expectArchitecture } from "./libraries.ts";
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

/** Builds an image into the cache, or finds it there. @throws when a program in it is of another architecture */
export async function ensureImage(
  image: ImageSettings,
  layers: readonly Layer[],
  progress: Progress = () => undefined,
  source: Source = ownSource(),
): Promise<BuiltImage> {
  const settings = { ...image, architecture: source.architecture };
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
        const tree = await openTree(join(draft, `tree-${index}`), source);
        await layer.fill(tree);
        await expectArchitecture(tree.root, source.architecture);
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

/**
 * @param envoy   path of the Envoy binary to pack
 * @param source  of iptables and busybox; this machine where there is none
 */
export async function ensureSidecarImage(
  envoy: string,
  progress?: Progress,
  source: Source = ownSource(),
): Promise<BuiltImage> {
  const scripts = (await readdir(join(here, "sidecar"))).map((name) => join(here, "sidecar", name));
  const programs = ["usr/sbin/xtables-nft-multi", "bin/busybox"].map((path) => join(source.root, path));
  const inputs = [envoy, ...programs, join(here, "sidecar.ts"), ...scripts];
  return ensureImage(sidecarImage, [{ inputs, fill: (tree) => fillSidecarTree(tree, envoy) }], progress, source);
}

/**
 * @param node    path of the Node.js binary to pack
 * @param bundle  path of the bundled command line
 * @param source  of the libraries that Node.js needs; this machine where there is none
 */
export async function ensureForwarderImage(
  node: string,
  bundle: string,
  progress?: Progress,
  source: Source = ownSource(),
): Promise<BuiltImage> {
  return ensureImage(
    forwarderImage,
    [
      { inputs: [node, join(here, "forwarder.ts")], fill: (tree) => fillNodeTree(tree, node) },
      { inputs: [bundle], fill: (tree) => fillForwarderTree(tree, bundle) },
    ],
    progress,
    source,
  );
}
