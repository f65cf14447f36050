/** In OCI's words, which are also Debian's. */
export type Architecture = "amd64" | "arm64";

/** How Debian and the loader call it in the names of directories. */
export const triplets: Readonly<Record<Architecture, string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};

/** Where an image's programs and their libraries come from. */
export interface Source {
  readonly architecture: Architecture;
  /** `/` for this machine; else a directory with another one's files at the same places. */
  readonly root: string;
}

const byNode: Readonly<Record<string, Architecture>> = { x64: "amd64", arm64: "arm64" };

/** This machine. @throws on others than x64 and arm64 */
export function ownSource(): Source {
  const architecture = byNode[process.arch];
  if (architecture === undefined) throw new Error(`images are built on x64 and arm64, not on ${process.arch}`);
  return { architecture, root: "/" };
}

/** @throws for a name that is none */
export function architectureOf(name: string): Architecture {
  if (Object.hasOwn(triplets, name)) return name as Architecture;
  throw new Error(`images are built for ${Object.keys(triplets).join(" and ")}, not for ${name}`);
}
