import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { MeshWorld } from "#test/world/mesh-world.ts";
import { printed, typed } from "./terminal.ts";

export interface Ran {
  /** Both streams, in the order in which they came. */
  readonly text: string;
  readonly exitCode: number | null;
}

/** Where the demo's lines are run: with kubectl and osm on the PATH, pointed at the cluster. A user's shell can be the same. */
export interface Shell {
  readonly environment: { readonly KUBECONFIG: string; readonly PATH: string };
  /** Shows the line, runs it, shows what it printed. */
  type(line: string): Promise<Ran>;
  /** A shell in a pod, by `kubectl exec`. */
  enter(namespace: string, target: string): Promise<PodShell>;
}

export interface PodShell {
  /** Shows the line, runs it in the pod, shows what it printed. */
  type(line: string): Promise<Ran>;
  leave(): void;
}

/** A command that takes longer has failed. */
const patienceMs = 120_000;

export async function openShell({ world, cluster }: MeshWorld): Promise<Shell> {
  const bin = join(world.directory, "bin");
  await mkdir(bin, { recursive: true });
  const osm = join(import.meta.dirname, "../../dist/osm.mjs");
  await writeFile(join(bin, "osm"), `#!/bin/sh\nexec ${process.execPath} ${osm} "$@"\n`, { mode: 0o755 });
  const environment = { KUBECONFIG: cluster.kubeconfigPath, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  const options = { cwd: world.directory, env: { ...process.env, ...environment } };

  return {
    environment,
    async type(line) {
      typed(line);
      const ran = await new Promise<Ran>((resolve, reject) => {
        const child = spawn("sh", ["-c", `exec 2>&1\n${line}`], { ...options, stdio: ["ignore", "pipe", "inherit"] });
        let text = "";
        child.stdout.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
        child.on("error", reject).on("close", (exitCode) => {
          clearTimeout(timer);
          resolve({ text, exitCode });
        });
      });
      if (ran.text !== "") printed(ran.text);
      return ran;
    },
    async enter(namespace, target) {
      const words = ["exec", "-i", "-n", namespace, `deploy/${target}`, "-c", "app", "--", "sh"];
      typed(`kubectl ${words.join(" ")}`);
      const child = spawn(join(bin, "kubectl"), words, { ...options, stdio: ["pipe", "pipe", "inherit"] });
      // A pod that goes away shows as a line that is never answered.
      child.stdin.on("error", () => undefined);
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      return {
        async type(line) {
          typed(line, `${target} $`);
          child.stdin.write(`(${line}) 2>&1; echo "${endMark}$?"\n`);
          const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
          const texts: string[] = [];
          try {
            for (;;) {
              const next = await lines.next();
              if (next.done) throw new Error(`the shell in ${target} ended before ${line} did`);
              if (next.value.startsWith(endMark)) {
                const text = texts.join("\n");
                printed(text);
                return { text, exitCode: Number(next.value.slice(endMark.length)) };
              }
              texts.push(next.value);
            }
          } finally {
            clearTimeout(timer);
          }
        },
        leave: () => void child.stdin.end(),
      };
    },
  };
}

const endMark = "\u0001exit:";
