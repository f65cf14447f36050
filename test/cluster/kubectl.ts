import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandOptions, run } from "../../tools/setup/command.ts";
import type { World } from "./world.ts";

/** `kubectl` for a person, on this cluster unless KUBECONFIG says otherwise. */
export async function writeKubectl(world: World, binary: string, kubeconfig: string): Promise<void> {
  const directory = join(world.directory, "bin");
  await mkdir(directory, { recursive: true });
  const script = `#!/bin/sh\nexport KUBECONFIG="\${KUBECONFIG:-${kubeconfig}}"\nexec ${binary} kubectl "$@"\n`;
  await writeFile(join(directory, "kubectl"), script, { mode: 0o755 });
}

export type Kubectl = (args: readonly string[], options?: CommandOptions) => Promise<string>;

export function kubectlOn(binary: string, kubeconfig: string): Kubectl {
  return async (args, options = {}) =>
    (await run([binary, "kubectl", "--kubeconfig", kubeconfig, ...args], options)).stdout;
}
