import { expect, test } from "vitest";
import { functionAt } from "#test/aws/function-processes.ts";
import { eventually } from "#test/eventually.ts";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { digestsNow } from "#test/faults/proxy/digests-now.ts";
import type { NamedStep } from "#test/faults/proxy/named-steps.ts";
import { breachesIn, takenOfTheDead, writesIn } from "#test/faults/proxy/write-journal.ts";
import { isOn } from "../expect-status.ts";
import { patchConfig } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { runningVersions } from "../sidecars.ts";
import type { Stage } from "./struck-forwarder.ts";

/** So long nobody has ended: then nobody is about to. */
const quietMs = 2_000;

/** A write that it has sent reaches the API server when its successor has long written there. */
export const underWay: NamedStep = ["with a write on its way", "write ConfigMap", "before"];

/**
 * A function frozen at a named step, as Lambda may do it, and woken when whoever took over has ended. Meanwhile the switch is
 * moved back, so that whatever it still wants to write is wrong.
 */
export function frozenSuite(theStage: () => Stage, steps: readonly NamedStep[], takenOverWithinMs: number): void {
  test.each(steps)(
    "a function frozen %s, and woken when its successor has ended: what it still writes is refused",
    async (_name, step, when) => {
      const { mesh, proxy, admin } = theStage();
      const { target } = await mesh.status();
      const egress = target?.egress === true;
      const digests = await digestsNow(admin);
      proxy.exchanges.length = 0;
      const met = Promise.withResolvers<number>();
      const awake = Promise.withResolvers<void>();
      let isStruck = false;
      proxy.faults = (request) => {
        if (isStruck || stepOf(request) !== step) return undefined;
        isStruck = true;
        const meet = async () => {
          const pid = await functionAt(mesh.aws.emulator.pid, request.port ?? 0);
          process.kill(pid, "SIGSTOP");
          met.resolve(pid);
          await awake.promise;
          return "go on" as const;
        };
        return { kind: "meet", when, meet };
      };
      await patchValue(mesh, !egress);
      const frozen = await met.promise;
      try {
        const version = await patchValue(mesh, egress);
        const { sidecars } = await mesh.untilStatus(
          "taken over",
          (it) => it.observed?.resourceVersion === version && isOn(it, egress) && it.phase === "Idle",
          takenOverWithinMs,
        );
        const ended = await allEnded(mesh);
        const successor = proxy.exchanges.length;
        awake.resolve();
        process.kill(frozen, "SIGCONT");
        await eventually("what it was held at is answered", () =>
          proxy.exchanges.some(({ fault }) => fault !== undefined),
        );
        await eventually("the woken pass ends", async () => (await passesEnded(mesh)) > ended, { withinMs: 45_000 });

        const later = writesIn(proxy.exchanges.slice(successor));
        const configs = later.filter((write) => write.step === "write ConfigMap");
        expect(configs.filter(({ isTaken }) => isTaken)).toEqual([]);
        expect(configs.filter(({ status }) => status === 403).length > 0).toBe(
          step === underWay[1] && when === "before",
        );
        const writes = writesIn(proxy.exchanges);
        expect(breachesIn(writes, digests, takenOfTheDead(writes))).toEqual([]);
        const versions = await runningVersions(mesh.cluster, sidecars?.total ?? 0);
        expect([...versions.values()].filter((one) => one.split("-")[0] !== (egress ? "on" : "off"))).toEqual([]);
        expect((await mesh.status()).target?.egress).toBe(egress);
      } finally {
        proxy.faults = () => undefined;
        awake.resolve();
        process.kill(frozen, "SIGCONT");
      }
    },
  );
}

/** @returns the resourceVersion of osm-config with it */
async function patchValue({ cluster }: MeshWorld, egress: boolean): Promise<string> {
  const patch = JSON.stringify({ data: { egress: String(egress) } });
  return patchConfig(cluster, patch, "merge", "-o", "jsonpath={.metadata.resourceVersion}");
}

/** The same, when nobody else is under way. Lines come when an invocation has ended, a moment after its pass. */
async function allEnded(mesh: MeshWorld): Promise<number> {
  let ended = -1;
  const isQuiet = async () => {
    const before = ended;
    ended = await passesEnded(mesh);
    return ended === before;
  };
  await eventually("nobody else is under way", isQuiet, { withinMs: 30_000, everyMs: quietMs });
  return ended;
}

/** How many passes have said how they ended. */
async function passesEnded({ aws }: MeshWorld): Promise<number> {
  const lines = await aws.logs("reconcile");
  return lines.filter(({ fields }) => fields?.["outcome"] !== undefined || fields?.["level"] === "ERROR").length;
}
