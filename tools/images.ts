/**
 * Builds the product's images, for this machine's architecture or another, without a container engine:
 *
 *   npm run images -- [--arch amd64|arm64] [DIRECTORY]
 *
 * The directory is dist/images where none is given; then e.g. `docker load` or `skopeo copy docker-archive:FILE docker://…`.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { type BuiltImage, ensureForwarderImage, ensureSidecarImage } from "#deploy/images/build.ts";
import { bundle } from "./bundle.ts";
import { type Architecture, architectureOf, ownSource } from "./setup/architecture.ts";
import type { Progress } from "./setup/cache.ts";
import { ensureDebianRoot } from "./setup/debian-root.ts";
import { ensureEnvoy } from "./setup/envoy.ts";
import { ensureNode } from "./setup/node-binary.ts";

const root = join(import.meta.dirname, "..");

/** The sidecar's and the forwarder's images, from the sources as they are. @param architecture  this machine's where there is none */
export async function productImages(
  progress: Progress = () => undefined,
  architecture: Architecture = ownSource().architecture,
): Promise<readonly BuiltImage[]> {
  const source = await ensureDebianRoot(architecture, progress);
  const [node, envoy] = await Promise.all([ensureNode(architecture, progress), ensureEnvoy(progress, architecture)]);
  await bundle(["osm"]);
  return Promise.all([
    ensureSidecarImage(envoy, progress, source),
    ensureForwarderImage(node, join(root, "dist/osm.mjs"), progress, source),
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
  const { values, positionals } = parseArgs({ options: { arch: { type: "string" } }, allowPositionals: true });
  const architecture = values.arch === undefined ? ownSource().architecture : architectureOf(values.arch);
  const directory = positionals[0] ?? join(root, "dist/images");
  await mkdir(directory, { recursive: true });
  for (const { reference, archive } of await productImages(console.log, architecture)) {
    const file = join(directory, `${basename(reference).replace(":", "-")}-${architecture}.tar`);
    await copyFile(archive, file);
    console.log(`${reference}: ${file}`);
  }
}
