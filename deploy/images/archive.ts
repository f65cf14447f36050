import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Architecture, ownSource } from "../../tools/setup/architecture.ts";
import { run } from "../../tools/setup/command.ts";

/** What an image is, but for its files. */
export interface ImageSettings {
  /** This machine's where there is none. */
  readonly architecture?: Architecture;
  /** `repository:tag`. */
  readonly reference: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** `uid` or `uid:gid`. */
  readonly user?: string;
  readonly workingDirectory?: string;
}

/**
 * Writes a docker-archive (`docker load`, `ctr images import`, `skopeo copy docker-archive:…` read it): one layer for each
 * directory tree, lowest first, owners and modes as they are on disk. Equal trees give equal bytes: no time is kept.
 *
 * @param scratch  an empty directory for the layers, on the same file system as the archive
 */
export async function writeArchive(
  settings: ImageSettings,
  trees: readonly string[],
  archive: string,
  scratch: string,
): Promise<void> {
  const digests: string[] = [];
  for (const [index, tree] of trees.entries()) {
    const layer = join(scratch, `layer-${index}.tar`);
    await tar(layer, tree, (await readdir(tree)).sort());
    digests.push(await sha256(layer));
  }
  const config = {
    architecture: settings.architecture ?? ownSource().architecture,
    os: "linux",
    config: {
      Env: Object.entries({
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ...settings.environment,
      }).map(([name, value]) => `${name}=${value}`),
      ...(settings.entrypoint ? { Entrypoint: settings.entrypoint } : {}),
      ...(settings.command ? { Cmd: settings.command } : {}),
      ...(settings.user === undefined ? {} : { User: settings.user }),
      WorkingDir: settings.workingDirectory ?? "/",
    },
    rootfs: { type: "layers", diff_ids: digests.map((digest) => `sha256:${digest}`) },
  };
  const configText = JSON.stringify(config);
  const configName = `${createHash("sha256").update(configText).digest("hex")}.json`;
  await writeFile(join(scratch, configName), configText);
  const layers = trees.map((_, index) => `layer-${index}.tar`);
  await writeFile(
    join(scratch, "manifest.json"),
    JSON.stringify([{ Config: configName, RepoTags: [settings.reference], Layers: layers }]),
  );
  await tar(archive, scratch, ["manifest.json", configName, ...layers]);
}

async function tar(archive: string, directory: string, entries: readonly string[]): Promise<void> {
  const same = ["--format=gnu", "--sort=name", "--mtime=@0", "--numeric-owner"];
  await run(["tar", "--create", "--file", archive, "--directory", directory, ...same, ...entries], {
    timeoutMs: 5 * 60_000,
  });
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
