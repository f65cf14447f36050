import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Architecture, ownSource, type Source } from "./architecture.ts";
import { cached, digestOf, type Progress } from "./cache.ts";
import { run } from "./command.ts";

/** What the images take from the distribution, and what that loads, by Debian 12's names. */
const packages = [
  ...["iptables", "busybox-static", "netbase"],
  ...[
    "libc6",
    "libgcc-s1",
    "libstdc++6",
    "libxtables12",
    "libmnl0",
    "libnftnl11",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
  ],
];

/**
 * The machine itself where it has the architecture; else a directory with the same files for another one, from the package
 * archive that apt uses here. Nothing is installed: apt gets lists and a cache of its own, and packages are only unpacked.
 */
export async function ensureDebianRoot(
  architecture: Architecture,
  progress: Progress = () => undefined,
): Promise<Source> {
  if (architecture === ownSource().architecture) return ownSource();
  const directory = await cached(
    "debian-root",
    digestOf(architecture, ...packages),
    async (draft) => {
      progress(`downloading Debian's packages for ${architecture}`);
      const apt = join(draft, "apt");
      const [lists, archives, downloads] = [join(apt, "lists"), join(apt, "archives"), join(apt, "downloads")] as const;
      for (const path of [lists, archives, downloads]) await mkdir(join(path, "partial"), { recursive: true });
      // As if nothing were installed.
      await writeFile(join(apt, "status"), "");
      const options = [
        `APT::Architecture=${architecture}`,
        `APT::Architectures=${architecture}`,
        `Dir::State::lists=${lists}`,
        `Dir::State::status=${join(apt, "status")}`,
        `Dir::Cache=${archives}`,
        `Dir::Cache::archives=${archives}`,
        "APT::Sandbox::User=root",
      ].flatMap((option) => ["--option", option]);
      const quiet = { timeoutMs: 10 * 60_000, cwd: downloads };
      await run(["apt-get", ...options, "--quiet", "update"], quiet);
      await run(["apt-get", ...options, "--quiet", "download", ...packages], quiet);
      for (const name of await readdir(downloads)) {
        if (name.endsWith(".deb")) await run(["dpkg-deb", "--extract", name, join(draft, "root")], quiet);
      }
      await rm(apt, { recursive: true });
    },
    progress,
  );
  return { architecture, root: join(directory, "root") };
}
