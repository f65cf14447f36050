import { describe, expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import type { Exchange } from "./fault.ts";
import { breachesIn, changesIn, takenOfTheDead, writesIn } from "./write-journal.ts";

const object = "namespaces/shop/configmaps/osm-sidecar.web";
const before = new Map([[object, "off-1"]]);

function exchange(part: Pick<Exchange, "method" | "path" | "identity"> & { body: object; status?: number }): Exchange {
  const { body, status = 200 } = part;
  const rest = { atMs: 0, port: undefined, query: new URLSearchParams(), answer: "", fault: undefined };
  return { ...part, ...rest, status, body: JSON.stringify(body) };
}
function config(identity: string, number: number, digest: string, status?: number): Exchange {
  const put = { [annotations.fencing]: String(number), [annotations.digest]: digest };
  const body = { metadata: { annotations: put } };
  return exchange({ method: "PATCH", path: `/api/v1/${object}`, identity, body, ...(status ? { status } : {}) });
}
function lease(identity: string, holderIdentity: string, leaseTransitions: number): Exchange {
  const path = "/apis/coordination.k8s.io/v1/namespaces/osm-system/leases/osm-reconciler";
  return exchange({ method: "PUT", path, identity, body: { spec: { holderIdentity, leaseTransitions } } });
}
const breaches = (...exchanges: readonly Exchange[]) => {
  const writes = writesIn(exchanges);
  return breachesIn(writes, before, takenOfTheDead(writes));
};

test("a write has its process, step, object and number; a poke the number of its process", () => {
  const poke = { method: "PATCH", path: "/api/v1/namespaces/shop/pods/web-1", identity: "a", body: {} };
  expect(writesIn([lease("a", "a-1", 7), config("a", 7, "on-1"), exchange(poke)])).toMatchObject([
    { process: "a", step: "take Lease", holder: "a-1", number: 7 },
    { process: "a", step: "write ConfigMap", object, number: 7, digest: "on-1", isTaken: true },
    { process: "a", step: "poke", object: "namespaces/shop/pods/web-1", number: 7 },
  ]);
});

test("a change is one that was taken, and brings other bytes", () => {
  const writes = writesIn([
    config("a", 7, "off-1"),
    config("a", 7, "on-1", 403),
    config("a", 7, "on-1"),
    config("b", 8, "on-1"),
  ]);
  expect(changesIn(writes, before)).toEqual([`${object} on-1`]);
});

describe("it is a breach", () => {
  test("not, to write once, nor to stamp everything after a dead holder", () => {
    expect(breaches(lease("a", "a-1", 7), config("a", 7, "on-1"), lease("a", "", 7))).toEqual([]);
    expect(
      breaches(lease("a", "a-1", 7), config("a", 7, "on-1"), lease("b", "b-1", 8), config("b", 8, "on-1")),
    ).toEqual([]);
    expect(breaches(config("b", 8, "on-1"), config("a", 7, "off-1", 403))).toEqual([]);
  });

  test("to write again what is there", () => {
    const released = [lease("a", "a-1", 7), config("a", 7, "on-1"), lease("a", "", 7)];
    expect(breaches(...released, lease("b", "b-1", 8), config("b", 8, "on-1"))).toEqual([`b wrote ${object} again`]);
  });

  test("to write with an older number", () => {
    expect(breaches(config("b", 8, "on-1"), config("a", 7, "off-1"))).toEqual([
      `a wrote ${object} with 7, which is older`,
    ]);
  });

  test("to give one number to two", () => {
    expect(breaches(lease("a", "a-1", 7), lease("b", "b-1", 7))).toEqual(["7 was given to two"]);
  });
});
