import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { cached, digestOfFiles, type Progress } from "./cache.ts";
import { run } from "./command.ts";
import { ensureGo } from "./go.ts";

/** The version that the servers report; go.mod has the same. */
export const kubernetesVersion = "1.36.3";

const [major, minor] = kubernetesVersion.split(".");
const versionPackage = "k8s.io/component-base/version";
const linkerFlags = [
  "-s -w",
  `-X ${versionPackage}.gitVersion=v${kubernetesVersion}`,
  `-X ${versionPackage}.gitMajor=${major} -X ${versionPackage}.gitMinor=${minor}`,
].join(" ");

const source = join(import.meta.dirname, "../../test/cluster/kubernetes");

/**
 * Path of the one binary that holds etcd, the Kubernetes servers, kubelet, kubectl and the cluster's DNS.
 * The first build takes about 6 min on two cores, and seconds when Go's own build cache is warm.
 */
export async function ensureKubernetesBinary(progress: Progress = () => undefined): Promise<string> {
  const files = (await readdir(source)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort();
  const paths = files.map((name) => join(source, name));
  const directory = await cached(
    "kubernetes",
    await digestOfFiles(paths, ...files, linkerFlags),
    async (draft) => {
      const go = await ensureGo(progress);
      let compiled = 0;
      // -v names each package as it is compiled; modules are downloaded as they are needed.
      await run([go, "build", "-v", "-trimpath", "-ldflags", linkerFlags, "-o", join(draft, "kubernetes"), "."], {
        cwd: source,
        // The compiler's own garbage collector takes a tenth of the build; without it two compilers need 3 GiB at most.
        env: { CGO_ENABLED: "0", GOGC: "off", GOMEMLIMIT: "1500MiB" },
        timeoutMs: 40 * 60_000,
        onLine: (line) => {
          progress(line.startsWith("go: ") ? line.slice(4) : `compiling: package ${++compiled}, ${line}`);
        },
      });
    },
    progress,
  );
  return join(directory, "kubernetes");
}
