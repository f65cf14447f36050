import { beforeAll, describe, expect, test } from "vitest";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import { type BusObserver, observeResults } from "#test/aws/bus-observer.ts";
import { eventually } from "#test/eventually.ts";
import { configEvents, countedByMetric } from "../announced.ts";
import { cutWithinMs, isCut, isOn } from "../expect-status.ts";
import { patchConfig, patchEgress } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { runningVersions, type SeenConfigMap, sidecarConfigMaps } from "../sidecars.ts";

/** The seed's, letter by letter: not taken from the product, which may have lost one. */
const spellings = "1 t T TRUE true True 0 f F FALSE false False";

interface BadValue {
  readonly name: string;
  readonly raw: string | undefined;
  /** What brings it about. */
  readonly patch: string;
  readonly type: "merge" | "json";
  /** What the API server says to whoever tries. */
  readonly denied: string;
  /** What the status says when it got in. */
  readonly problem: string;
}

const missing = {
  raw: undefined,
  type: "json",
  denied: "egress: is missing",
  problem: `egress: is missing; must be a boolean, one of ${spellings}`,
} as const;

/** In this order each can be made from the one before. */
const badValues: readonly BadValue[] = [
  ...["", " true", "yes", "on", "tRUE", "ture"].map((raw) => ({
    name: JSON.stringify(raw),
    raw,
    patch: JSON.stringify({ data: { egress: raw } }),
    type: "merge" as const,
    denied: `egress: must be a boolean, got ${JSON.stringify(raw)}`,
    problem: `egress: must be a boolean, one of ${spellings}, got ${JSON.stringify(raw)}`,
  })),
  { name: "a missing key", patch: '[{"op":"remove","path":"/data/egress"}]', ...missing },
  { name: "no data", patch: '[{"op":"remove","path":"/data"}]', ...missing },
];
/** A missing key and no data are one value: none. It is news once. */
const newProblems = [...new Set(badValues.map(({ problem }) => problem))];

export function badValuesSuite(theMesh: () => MeshWorld): void {
  test.each(badValues)("$name is denied, with the accepted spellings in the message", async (value) => {
    const { cluster } = theMesh();
    const before = await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "json");
    const message = await patchConfig(cluster, value.patch, value.type).then(
      () => "accepted",
      (error: unknown) => String((error as { readonly stderr?: string }).stderr ?? error),
    );
    expect(message).toContain(value.denied);
    expect(message).toContain(spellings);
    expect(await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "json")).toBe(before);
  });

  describe("with the policy taken away", () => {
    let results: BusObserver;
    let before: {
      readonly status: RolloutStatus;
      readonly maps: ReadonlyMap<string, SeenConfigMap>;
      readonly versions: ReadonlyMap<string, string>;
      readonly events: number;
      readonly counted: number;
    };

    beforeAll(async () => {
      const mesh = theMesh();
      const { cluster } = mesh;
      results = await observeResults(mesh.aws);
      await patchEgress(cluster, "true");
      before = {
        status: await mesh.untilStatus("on", (it) => isOn(it, true)),
        maps: await sidecarConfigMaps(cluster),
        versions: await runningVersions(cluster, 6),
        events: (await configEvents(cluster, "EgressValueRejected")).length,
        counted: await countedByMetric(mesh.aws, "EgressValueRejected"),
      };
      await cluster.kubectl("delete", "validatingadmissionpolicybinding", "osm-config");
      // The API server forgets a policy a moment after its binding is gone.
      await eventually("a bad value would be let in", () =>
        patchConfig(cluster, '{"data":{"egress":"ture"}}', "merge", "--dry-run=server"),
      );
    });

    test.each(badValues)("$name gets in and changes nothing", async ({ raw, patch, type, problem }) => {
      const mesh = theMesh();
      const { cluster } = mesh;
      await patchConfig(cluster, patch, type);
      const path = "jsonpath={.metadata.resourceVersion}";
      const resourceVersion = await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", path);
      const status = await mesh.untilStatus("seen", (it) => it.observed?.resourceVersion === resourceVersion);
      expect(status.observed).toEqual({ raw, resourceVersion });
      expect(conditionOf(status, "Accepted")).toMatchObject({
        status: "False",
        reason: "ValueNotBoolean",
        message: `${problem}. The mesh keeps egress on`,
      });
      expect(status.target).toEqual(before.status.target);
      expect(status.history).toEqual(before.status.history);
      expect(await sidecarConfigMaps(cluster)).toEqual(before.maps);
      expect(await runningVersions(cluster, 6)).toEqual(before.versions);
    });

    test("a good value is followed again, and accepted", async () => {
      const mesh = theMesh();
      const good = { egress: "true", permissive_traffic_policy_mode: "true" };
      await patchConfig(mesh.cluster, JSON.stringify({ data: good }), "merge");
      await mesh.install();
      await patchEgress(mesh.cluster, "false");
      const back = await mesh.untilStatus("off again", isCut, cutWithinMs);
      expect(conditionOf(back, "Accepted")).toMatchObject({ status: "True" });
    });

    // Only now, when a whole rollout has been announced after them: one too many would be here too.
    test("each new value was announced once: a Kubernetes event, an event on the bus, a metric", async () => {
      const mesh = theMesh();
      const announced = async () => ({
        events: (await configEvents(mesh.cluster, "EgressValueRejected")).slice(before.events),
        bus: (await results.heard()).filter((event) => event["detail-type"] === "Egress Value Rejected"),
        counted: (await countedByMetric(mesh.aws, "EgressValueRejected")) - before.counted,
      });
      const enough = newProblems.length;
      const { events, bus, counted } = await eventually("everything announced", async () => {
        const seen = await announced();
        return Math.min(seen.events.length, seen.bus.length, seen.counted) >= enough && seen;
      });
      const messages = newProblems.map((problem) => `${problem}. The mesh keeps egress on`);
      expect(events.toSorted()).toEqual(messages.toSorted());
      expect(bus.map(({ detail }) => String(detail["problem"])).toSorted()).toEqual(messages.toSorted());
      expect(bus.map(({ detail }) => detail["raw"])).toEqual(
        expect.arrayContaining(["", " true", "yes", "on", "tRUE", "ture", null]),
      );
      expect(bus.filter(({ detail }) => detail["keeps"] !== true)).toEqual([]);
      expect(counted).toBe(enough);
    });
  });
}
