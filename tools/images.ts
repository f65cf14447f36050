/**
 * Builds the product's images for this machine's architecture, without a container engine:
 *
 *   npm run images [DIRECTORY]     default dist/images; then e.g. `docker load` or `skopeo copy docker-archive:FILE docker://…`
 */
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { ownArchitecture } from "#deploy/images/archive.ts";
import { type BuiltImage, ensureForwarderImage, ensureSidecarImage } from "#deploy/images/build.ts";
import { bundle } from "./bundle.ts";
import type { Progress } from "./setup/cache.ts";
import { ensureEnvoy } from "./setup/envoy.ts";

const root = join(import.meta.dirname, "..");

/** The sidecar's and the forwarder's images, from the sources as they are. */
export async function productImages(progress: Progress = () => undefined): Promise<readonly BuiltImage[]> {
  const node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin/node");
  await bundle(["osm"]);
  return Promise.all([
    ensureEnvoy(progress).then((envoy) => ensureSidecarImage(envoy, progress)),
    ensureForwarderImage(node, join(root, "dist/osm.mjs"), progress),
  ]);
}

/** Why nobody but root can build them, and how; undefined for root. @param uid  undefined where there are no users */
export function notRoot(uid: number | undefined): string | undefined {
  if (uid === 0) return undefined;
  return [
    "npm run images: files of the images belong to root and to the sidecar's user, and only root can give them to others",
    '  → run it as root: sudo env "PATH=$PATH" npm run images',
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) {
  const problem = notRoot(process.getuid?.());
  if (problem !== undefined) {
    console.error(problem);
    process.exit(1);
  }
  const directory = process.argv[2] ?? join(root, "dist/images");
  await mkdir(directory, { recursive: true });
  for (const { reference, archive } of await productImages(console.log)) {
    const file = join(directory, `${basename(reference).replace(":", "-")}-${ownArchitecture()}.tar`);
    await copyFile(archive, file);
    console.log(`${reference}: ${file}`);
  }
}
