import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Cluster } from "#test/cluster/cluster.ts";

/** One line of `probe`, see test/images/probe. */
export interface ProbeLine {
  /** ms since the epoch, by the node's clock, which is this machine's. */
  readonly at: number;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface PodRef {
  readonly namespace: string;
  readonly pod: string;
}

/** One attempt from inside a pod's app container. @returns whether it got an answer, and its last line */
export async function probeOnce(
  cluster: Cluster,
  { namespace, pod }: PodRef,
  ...probe: readonly string[]
): Promise<Attempt> {
  // What is refused fails at once; what is slow must not look refused.
  const command = ["/bin/probe", "-timeout", "8s", ...probe];
  const args = [
    "exec",
    "--namespace",
    namespace,
    pod,
    "--container",
    "app",
    "--",
    "sh",
    "-c",
    '"$@"; true',
    "sh",
    ...command,
  ];
  const lines = (await cluster.kubectl(...args)).trim().split("\n").filter(Boolean).map(parse);
  const last = lines.at(-1);
  if (last === undefined) throw new Error(`probe ${probe.join(" ")} in ${namespace}/${pod} printed nothing`);
  return { reached: last.event !== "failed", last };
}

export interface Attempt {
  readonly reached: boolean;
  readonly last: ProbeLine;
}

/** A probe that goes on in a pod until it is cut or stopped. */
export interface RunningProbe {
  readonly lines: readonly ProbeLine[];
  /** The first line with that event, as soon as it comes. @throws after `withinMs` */
  until(event: string, withinMs: number): Promise<ProbeLine>;
  readonly ended: boolean;
  /** A line on its standard input; what `tcp-hold` does with it, see there. */
  send(line: string): void;
  /** Ends this end of it; the process in the pod ends at its next line of output, or with the pod. */
  stop(): void;
}

export function startProbe(cluster: Cluster, { namespace, pod }: PodRef, ...probe: readonly string[]): RunningProbe {
  const where = ["--namespace", namespace, pod, "--container", "app"];
  const target = ["exec", "--stdin", ...where, "--", "/bin/probe", ...probe];
  const child = spawn(join(cluster.world.directory, "bin/kubectl"), target, { stdio: ["pipe", "pipe", "ignore"] });
  // It may end with a line on its way: whoever sent that waits for its echo in vain, and says so.
  child.stdin.on("error", () => undefined);
  const lines: ProbeLine[] = [];
  let ended = false;
  let news = Promise.withResolvers<void>();
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers<void>();
  };
  createInterface(child.stdout).on("line", (text) => {
    lines.push(parse(text));
    tell();
  });
  child.on("close", () => {
    ended = true;
    tell();
  });
  return {
    lines,
    get ended() {
      return ended;
    },
    async until(event, withinMs) {
      const timeout = AbortSignal.timeout(withinMs);
      const late = new Promise<void>((resolve) => timeout.addEventListener("abort", () => resolve(), { once: true }));
      for (;;) {
        const found = lines.find((line) => line.event === event);
        if (found) return found;
        if (timeout.aborted || ended) {
          throw new Error(
            `no "${event}" within ${withinMs} ms from probe ${probe.join(" ")}: ${JSON.stringify(lines)}`,
          );
        }
        await Promise.race([news.promise, late]);
      }
    },
    send: (line) => void child.stdin.write(`${line}\n`),
    stop: () => void child.kill("SIGKILL"),
  };
}

function parse(text: string): ProbeLine {
  return JSON.parse(text) as ProbeLine;
}
