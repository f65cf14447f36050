import { expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import { closeAgain } from "#lib/reconcile/close-again.ts";
import { holdLease } from "#lib/reconcile/hold-lease.ts";
import { openAll } from "#lib/reconcile/open-all.ts";
import type { PassOutcome } from "#lib/reconcile/pass.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass } from "./pass.ts";
import { scriptedPorts } from "./ports.ts";

const silentLog = { info: () => undefined, warn: () => undefined, error: () => undefined };
const quota = new EgressError("api-forbidden", "exceeded quota");

interface Attempt {
  readonly opened: "all" | "failed";
  /** What the watch was told, in order. */
  readonly heard: readonly string[];
  closeAgain(): Promise<PassOutcome>;
}

/** As `osm uninstall --force` does it. */
function open(cluster: ScriptedCluster): Promise<Attempt> {
  const ports = scriptedPorts(cluster, "uninstall");
  const heard: string[] = [];
  const onOpening = (sidecars: number, configured: string) => heard.push(`${sidecars} ${configured}`);
  const attempt = async (): Promise<Attempt> => {
    const lease = await holdLease(ports, 60_000);
    if (!lease) throw new Error("no Lease");
    const opened = await openAll(ports, lease, silentLog, { onOpening }).then(
      () => "all" as const,
      (error: unknown) => {
        if (!(error instanceof EgressError)) throw error;
        return "failed" as const;
      },
    );
    return { opened, heard, closeAgain: () => cluster.clock.run(closeAgain(ports, lease, silentLog)) };
  };
  return cluster.clock.run(attempt());
}

const allOff = ["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"];

for (const drift of ["correct", "detect"] as const) {
  test(`drift ${drift}: one account is refused, and those that were opened are closed again at once`, async () => {
    const cluster = await meshAtRest("off");
    cluster.setSpec({ drift });
    cluster.refusals.set("shop/osm-sidecar.web", quota);
    const attempt = await open(cluster);
    expect(attempt.opened).toBe("failed");
    expect(cluster.configMap("shop/osm-sidecar.db").settings?.egress).toBe(true);
    const startedMs = cluster.clock.nowMs();
    const outcome = await attempt.closeAgain();
    expect(cluster.clock.nowMs() - startedMs).toBeLessThan(10_000);
    expect(cluster.reality).toEqual(allOff);
    // The refused account's ConfigMap was never opened; that it cannot be written is said.
    expect([outcome.kind, outcome.unmet?.type]).toEqual(["settled", "Converged"]);
    expect(cluster.configMap("shop/osm-sidecar.db").settings?.egress).toBe(false);
    expect(cluster.lease?.holder).toBe("");
  });

  test(`drift ${drift}: whoever dies instead leaves the Lease, and the next pass closes all`, async () => {
    const cluster = await meshAtRest("off");
    cluster.setSpec({ drift });
    expect((await open(cluster)).opened).toBe("all");
    expect(cluster.reality).not.toEqual(allOff);
    await cluster.clock.pass(21_000);
    await runPass(cluster, { kind: "drift" });
    expect(cluster.reality).toEqual(allOff);
    expect(conditionOf(cluster.status, "Converged")?.status).toBe("True");
  });

  test(`drift ${drift}: all were open, and are closed again under a number above the opening's`, async () => {
    const cluster = await meshAtRest("off");
    cluster.setSpec({ drift });
    const attempt = await open(cluster);
    const number = cluster.lease?.transitions ?? 0;
    const { kind, unmet, figures } = await attempt.closeAgain();
    expect([kind, unmet, figures.verified, figures.sidecars]).toEqual(["settled", undefined, 3, 3]);
    expect(cluster.reality).toEqual(allOff);
    for (const { fencing } of cluster.configMaps.values()) expect(fencing).toBeGreaterThan(number);
  });
}

test("where somebody else has the Lease by now, it is he who does it: he is told to look again", async () => {
  const cluster = await meshAtRest("off");
  const attempt = await open(cluster);
  const renewedAtMs = cluster.clock.nowMs();
  cluster.lease = { resourceVersion: "9999", holder: "other", transitions: 99, renewedAtMs, marked: false };
  cluster.writes = [];
  expect((await attempt.closeAgain()).kind).toBe("held-by-another");
  expect(cluster.writes).toEqual(["mark"]);
});

test("how many may be open is told before the first write and after the last, and an event says so before them", async () => {
  const cluster = await meshAtRest("off");
  cluster.refusals.set("shop/osm-sidecar.web", quota);
  expect((await open(cluster)).heard).toEqual(["3 off", "1 off"]);
  const writes = cluster.writes.filter((line) => !/^(take|renew|poke)/.test(line));
  expect(writes[0]).toBe("event EgressOpened");
  expect(writes[1]).toMatch(/^apply shop\/osm-sidecar\.db on /);
});
