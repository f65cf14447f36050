import { EgressError } from "#lib/errors.ts";
import type { ClusterPorts } from "#lib/reconcile/ports.ts";
import { leaseIsBroken } from "#lib/rollout/config-writes.ts";
import { type Answer, podKey } from "#lib/rollout/observation.ts";
import type { ScriptedCluster } from "../scripted/cluster.ts";
import { scriptedPorts } from "../scripted/ports.ts";
import type { Journal } from "./journal.ts";
import type { Effect, Process } from "./process.ts";

/** The ports of a pass that runs in this process: every call is a step of it, and what comes of it is written down. */
export function seamPorts(cluster: ScriptedCluster, process: Process, journal: Journal): ClusterPorts {
  const ports = scriptedPorts(cluster, process.name);
  const at = () => ({ atMs: cluster.clock.nowMs(), pass: process.name });
  function step<T>(verb: string, object: string, effect: Effect<T>): Promise<T> {
    return process.step(verb, object, async () => {
      journal.write({ kind: "called", ...at(), verb, object });
      return effect();
    });
  }

  return {
    ...ports,
    glance: () => step("glance", "", () => ports.glance()),
    readMesh: (glance) => step("readMesh", "", () => ports.readMesh(glance)),
    readPods: () => step("readPods", "", () => ports.readPods()),
    survey: () => step("survey", "", () => ports.survey()),
    takeLease: (seen, atLeast) =>
      step("takeLease", "", async () => {
        const wasBroken = leaseIsBroken(cluster.observe());
        const held = await ports.takeLease(seen, atLeast);
        if (held) journal.write({ kind: "lease taken", ...at(), fencing: held.number, wasBroken });
        return held;
      }),
    markLease: (seen) => step("markLease", "", () => ports.markLease(seen)),
    renewLease: (held) => step("renewLease", "", () => ports.renewLease(held)),
    releaseLease: (held) => step("releaseLease", "", () => ports.releaseLease(held)),
    leaseNumber: () => step("leaseNumber", "", () => ports.leaseNumber()),
    applyConfigMap(write, running, fencing) {
      const object = `${write.account.namespace}/${write.name}`;
      return step("applyConfigMap", object, async () => {
        try {
          return await ports.applyConfigMap(write, running, fencing);
        } catch (error) {
          journal.write({ kind: "config refused", ...at(), object, fencing });
          throw error;
        }
      });
    },
    deleteConfigMap(map) {
      const object = `${map.namespace}/${map.name}`;
      return step("deleteConfigMap", object, async () => {
        const wasThere = cluster.configMaps.has(object);
        await ports.deleteConfigMap(map);
        if (wasThere && !cluster.configMaps.has(object)) journal.write({ kind: "config deleted", ...at(), object });
      });
    },
    applyInjection: (spec) => step("applyInjection", "", () => ports.applyInjection(spec)),
    poke: (pod, note) => step("poke", podKey(pod), () => ports.poke(pod, note)),
    // Not to answer is an answer.
    ask: (pod) =>
      step("ask", podKey(pod), () => ports.ask(pod)).catch((error: unknown): Answer => {
        if (!(error instanceof EgressError)) throw error;
        return { kind: "silent", why: error.what };
      }),
    writeStatus: (status, resourceVersion) =>
      step("writeStatus", "", async () => {
        const written = await ports.writeStatus(status, resourceVersion);
        if (written !== "conflict") journal.write({ kind: "status written", ...at(), status });
        return written;
      }),
    recordEvent: (event) => step("recordEvent", event.reason, () => ports.recordEvent(event)),
    sleep: (ms) => process.sleep(ms),
  };
}
