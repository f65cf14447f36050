import { describe, expect, test } from "vitest";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";
import { forwarderHeartbeat, readForwarderRenewal } from "#lib/kube/forwarder-lease.ts";
import { ServerClock } from "#lib/kube/lease.ts";

const path = "/apis/coordination.k8s.io/v1/namespaces/osm-system/leases/osm-forwarder";

/** An API server whose clock is ahead of ours, and what it was asked. */
function server(aheadMs: number, answer: { readonly status: number; readonly body?: object } = { status: 200 }) {
  const asked: KubeRequest[] = [];
  const connection: KubeConnection = {
    server: "https://api",
    async send(request) {
      asked.push(request);
      return { status: answer.status, text: JSON.stringify(answer.body ?? {}), serverTimeMs: Date.now() + aheadMs };
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
  return { connection, asked };
}

describe("the heartbeat", () => {
  test("is one named apply, so that a right by name is enough", async () => {
    const { connection, asked } = server(0);
    await forwarderHeartbeat(connection, "osm-system", "osm-forwarder-1")();
    expect(asked.map(({ method }) => method)).toEqual(["PATCH"]);
    expect(asked[0]).toMatchObject({
      path,
      contentType: "application/apply-patch+yaml",
      query: { fieldManager: "osm-forwarder", force: true },
      body: {
        metadata: { name: "osm-forwarder", namespace: "osm-system" },
        spec: { holderIdentity: "osm-forwarder-1", renewTime: expect.stringMatching(/\.\d{6}Z$/) },
      },
    });
  });

  test.each([3_600_000, -3_600_000])("is the API server's time, also where ours is off by %i ms", async (aheadMs) => {
    const { connection, asked } = server(aheadMs);
    const renew = forwarderHeartbeat(connection, "osm-system", "me");
    await renew();
    await renew();
    const offMs = asked.map(({ body }) => {
      const { renewTime } = (body as { readonly spec: { readonly renewTime: string } }).spec;
      return Math.abs(Date.parse(renewTime) - Date.now() - aheadMs);
    });
    // Only the first one is wrong, and another follows at once.
    expect(offMs.map((ms) => ms < 60_000)).toEqual([false, true, true]);
  });

  test("that is refused says so", async () => {
    const { connection } = server(0, { status: 403, body: { message: "no right" } });
    await expect(forwarderHeartbeat(connection, "osm-system", "me")()).rejects.toThrow("no right");
  });
});

describe("reading it", () => {
  const read = (status: number, body: object) =>
    readForwarderRenewal(server(0, { status, body }).connection, "osm-system", new ServerClock());

  test.each<readonly [string, number, object, number | undefined]>([
    ["there", 200, { spec: { renewTime: "2026-11-01T12:00:00.123456Z" } }, Date.parse("2026-11-01T12:00:00.123Z")],
    ["not there", 404, {}, undefined],
    ["without a time", 200, { spec: {} }, undefined],
    ["with a time that is none", 200, { spec: { renewTime: "yesterday" } }, undefined],
  ])("%s", async (_what, status, body, renewedAtMs) => {
    expect(await read(status, body)).toBe(renewedAtMs);
  });

  test("refused is not the same as not there", async () => {
    await expect(read(403, { message: "no right" })).rejects.toThrow("no right");
  });

  test("teaches the API server's time", async () => {
    const clock = new ServerClock();
    await readForwarderRenewal(server(3_600_000).connection, "osm-system", clock);
    expect(clock.nowMs() - Date.now()).toBeGreaterThan(3_500_000);
  });
});
