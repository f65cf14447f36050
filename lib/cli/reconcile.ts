import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import pLimit from "p-limit";
import { EgressError } from "../errors.ts";
import { forward } from "../forwarder/forward.ts";
import { clusterPorts } from "../kube/cluster-ports.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { type MeshPlace, meshPlace } from "../mesh/names.ts";
import type { PassContext, PassOutcome } from "../reconcile/pass.ts";
import { reconcileCluster } from "../reconcile/reconcile-cluster.ts";
import {
  asReconciler,
  type ClusterOptions,
  clusterOptions,
  connect,
  explainImpersonation,
  withClusterOptions,
} from "./cluster-options.ts";
import { CommandError } from "./failure.ts";
import { type JsonLog, jsonLog, troubleLog, withFields } from "./json-log.ts";
import { missingPart } from "./mesh-parts.ts";
import { positiveNumber } from "./numbers.ts";
import { stopOnSignal } from "./stop-signal.ts";

interface ReconcileOptions {
  readonly meshName: string;
  readonly watch?: boolean;
  readonly correct?: boolean;
  readonly driftInterval: number;
}

/** As long as a function has. */
const passMs = 60_000;
/** Until the next try after a pass that failed while watching. */
const retryMs = 5_000;
const maxPassesAtOnce = 3;

/** `osm reconcile`: the pass that the function runs, from a laptop or a pod. It acts as the reconcilers' group. */
export function reconcileCommand(): Command {
  return withClusterOptions(new Command("reconcile"))
    .description("Bring every sidecar to what osm-config says, and verify it: the function's own pass, without AWS")
    .option("--mesh-name <name>", "value of the membership label", meshPlace.meshName)
    .option("--watch", "stay, and reconcile whenever something changes")
    .option("--correct", "write back what is found altered, whatever the mode and however often it was undone")
    .option("--drift-interval <seconds>", "with --watch: ask every sidecar this often", positiveNumber, 300)
    .action((options: ReconcileOptions, command: Command) => runReconcile(options, clusterOptions(command)));
}

async function runReconcile(options: ReconcileOptions, cluster: ClusterOptions): Promise<void> {
  const connection = connect(cluster, asReconciler);
  const log = options.watch ? jsonLog() : troubleLog();
  const place = { meshName: options.meshName, osmNamespace: cluster.osmNamespace };
  const correct = options.correct ?? false;
  const pass = (kind: "hint" | "drift") => runPass(connection, place, { kind, correct }, log);
  if (!options.watch) {
    const { text, exitCode } = resultOf(await pass("drift").catch(explainMissing));
    (exitCode === 1 ? console.error : console.log)(text);
    process.exitCode = exitCode;
    return;
  }
  /** Watching, it may yet come: an installation is under way. */
  async function explainMissing(error: unknown): Promise<never> {
    if (!(error instanceof EgressError && error.reason === "object-missing")) throw error;
    throw (await missingPart(connection, place.osmNamespace)) ?? error;
  }
  const stop = new AbortController();
  stopOnSignal(stop);
  const wake = openWakeUps();
  const watching = forward(
    {
      connection: connect(cluster),
      cluster: "local",
      place,
      log,
      send: async () => {
        wake.call();
        return [];
      },
    },
    stop.signal,
  );
  await Promise.all([watching, passesUntil(stop, wake, pass, options.driftInterval * 1000, log)]);
}

/** Exit codes: 3 when some sidecars did not answer, 1 when the mesh is not where it must be or nobody knows. */
export function resultOf({ kind, figures, unmet }: PassOutcome): { readonly text: string; readonly exitCode: number } {
  const { verified, sidecars, tookMs } = figures;
  const text = `${kind}: ${verified} of ${sidecars} sidecars verified in ${tookMs} ms`;
  if (kind !== "settled") return { text, exitCode: 1 };
  if (unmet) {
    const what = `${unmet.type} is ${unmet.status}: ${unmet.message}`;
    return {
      text: `${text}\n${what}\n  → osm egress status shows the whole of it; docs/troubleshooting.md says what to do`,
      exitCode: 1,
    };
  }
  return { text, exitCode: verified < sidecars ? 3 : 0 };
}

/**
 * A pass waits for slow sidecars and for connections to be cut without holding the Lease, so the next one starts beside
 * it and takes over; as in the function, where each event has an invocation of its own.
 *
 * @throws CommandError of a pass, after stopping: a person has to put it right, and no later pass would fare better
 */
async function passesUntil(
  stop: AbortController,
  wake: WakeUps,
  pass: (kind: "hint" | "drift") => Promise<PassOutcome>,
  driftMs: number,
  log: JsonLog,
): Promise<void> {
  const { signal } = stop;
  const limit = pLimit(maxPassesAtOnce);
  let hopeless: CommandError | undefined;
  let driftDueMs = 0;
  while (!signal.aborted) {
    const kind = Date.now() >= driftDueMs ? "drift" : "hint";
    if (kind === "drift") driftDueMs = Date.now() + driftMs;
    // One that waits to start will see everything that changes until then.
    if (limit.pendingCount === 0) void limit(() => onePass(kind));
    const waitMs = Math.max(driftDueMs - Date.now(), 0);
    await Promise.race([wake.next(), sleep(waitMs, undefined, { signal }).catch(() => undefined)]);
  }
  if (hopeless) throw hopeless;

  async function onePass(kind: "hint" | "drift"): Promise<void> {
    try {
      const outcome = await pass(kind);
      log.info("pass ended", { kind: outcome.kind, ...outcome.figures });
      if (outcome.kind === "out-of-time") wake.call();
    } catch (error) {
      if (error instanceof CommandError) {
        hopeless ??= error;
        stop.abort();
        return;
      }
      log.warn("pass failed", { trouble: error instanceof Error ? error.message : String(error) });
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      wake.call();
    }
  }
}

/** Wake-ups while a pass runs make one more pass, however many they were. */
interface WakeUps {
  call(): void;
  next(): Promise<void>;
}

function openWakeUps(): WakeUps {
  let { promise, resolve } = Promise.withResolvers<void>();
  return {
    call: () => resolve(),
    async next() {
      await promise;
      ({ promise, resolve } = Promise.withResolvers<void>());
    },
  };
}

const loadGuards = () => import("#deploy/guards.ts");

async function runPass(
  connection: KubeConnection,
  place: MeshPlace,
  { kind, correct }: Required<Pick<PassContext, "kind" | "correct">>,
  logOfAll: JsonLog,
): Promise<PassOutcome> {
  const passId = randomUUID();
  const log = withFields(logOfAll, { correlationId: passId });
  const endMs = Date.now() + passMs;
  try {
    return await reconcileCluster(clusterPorts(connection, place, passId, { loadGuards, log }), {
      passId,
      kind,
      correct,
      hint: { source: "osm.cli", correlationId: passId },
      msLeft: () => endMs - Date.now(),
      publish: async (event) => log.info(event.detailType, event.detail),
      log,
    });
  } catch (error) {
    if (error instanceof EgressError && error.reason === "settings-invalid") {
      const [what = "", remedy = ""] = error.what.split(/: (?=give )/);
      throw new CommandError(what, remedy, error);
    }
    throw explainImpersonation(error);
  }
}
