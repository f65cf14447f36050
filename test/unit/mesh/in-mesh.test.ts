import { expect, test } from "vitest";
import { sidecarConfig } from "#lib/envoy/sidecar-config.ts";
import { crowdedOut, inMeshDestinations, type MeshService } from "#lib/mesh/in-mesh.ts";

const web: MeshService = {
  namespace: "shop",
  name: "web",
  type: "ClusterIP",
  clusterIP: "10.96.0.20",
  hasSelector: true,
  ports: [80],
};
const permissive = { permissive: true, inMeshCidrs: [] };

test.each<readonly [string, Partial<MeshService>, readonly string[]]>([
  ["a ClusterIP", {}, ["10.96.0.20/32:80"]],
  ["a NodePort", { type: "NodePort" }, ["10.96.0.20/32:80"]],
  ["a LoadBalancer", { type: "LoadBalancer" }, ["10.96.0.20/32:80"]],
  ["two ports", { ports: [80, 443] }, ["10.96.0.20/32:80", "10.96.0.20/32:443"]],
  ["no port", { ports: [] }, []],
  ["a headless one", { clusterIP: "None" }, []],
  ["one without an address yet", { clusterIP: "" }, []],
  ["an ExternalName", { type: "ExternalName" }, []],
  ["one without a selector, whose endpoints may be anywhere", { hasSelector: false }, []],
  ["IPv6", { clusterIP: "fd00::20" }, []],
])("Service: %s", (_, difference, destinations) => {
  const found = inMeshDestinations([{ ...web, ...difference }], permissive);
  expect(found.map(({ cidr, port }) => `${cidr}:${port}`)).toEqual(destinations);
  expect(found.every(({ allowed }) => allowed)).toBe(true);
});

const portsFrom = (count: number, first = 1) => Array.from({ length: count }, (_, index) => first + index);
const many = (count: number, ports: (index: number) => readonly number[]) =>
  portsFrom(count, 0).map((index) => ({
    ...web,
    name: `s-${String(index).padStart(5, "0")}`,
    clusterIP: `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`,
    ports: ports(index),
  }));

test("up to 2,500 ports are told apart, beyond that every Service by its address", () => {
  const others = inMeshDestinations([{ ...web, ports: portsFrom(2_499) }, ...many(1, () => [80])], permissive);
  expect(others).toHaveLength(2_500);
  expect(inMeshDestinations([{ ...web, ports: portsFrom(2_500) }, ...many(1, () => [80])], permissive)).toEqual([
    { cidr: "10.96.0.0/32", allowed: true },
    { cidr: "10.96.0.20/32", allowed: true },
  ]);
});

test("a range counts once for every port", () => {
  const ranges = { ...permissive, inMeshCidrs: ["10.244.0.0/16", "10.245.0.0/16"] };
  expect(inMeshDestinations([{ ...web, ports: portsFrom(833) }], ranges)).toHaveLength(835);
  expect(inMeshDestinations([{ ...web, ports: portsFrom(834) }], ranges)).toHaveLength(3);
});

test("Services beyond 6,000 are left out, the same ones in any order, and named", () => {
  const services = many(6_001, () => [80]);
  expect(inMeshDestinations(services, permissive)).toHaveLength(6_000);
  expect(crowdedOut(services).map(({ name }) => name)).toEqual(["s-06000"]);
  expect(inMeshDestinations([...services].reverse(), permissive)).toEqual(inMeshDestinations(services, permissive));
  expect(crowdedOut(services.slice(1))).toEqual([]);
});

test.each<readonly [string, readonly MeshService[]]>([
  ["every port another one", many(1, () => portsFrom(2_500))],
  ["so many Services that each is known by its address", many(7_000, (index) => portsFrom(3, 1 + (index % 20_000)))],
])("what is rendered fits into a ConfigMap: %s", (_, services) => {
  const inMeshCidrs = ["10.244.0.0/16"];
  for (const permissive of [true, false]) {
    const destinations = inMeshDestinations(services, { permissive, inMeshCidrs });
    const { files } = sidecarConfig({ egress: true, destinations });
    expect(Object.values(files).join("").length).toBeLessThan(1_000_000);
  }
});

test("without permissive mode no Service is allowed", () => {
  expect(inMeshDestinations([web], { ...permissive, permissive: false })).toEqual([
    { cidr: "10.96.0.20/32", port: 80, allowed: false },
  ]);
});

test.each([true, false])("a pod range is refused on every port, permissive %s", (permissive) => {
  expect(inMeshDestinations([], { permissive, inMeshCidrs: ["10.244.0.0/16"] })).toEqual([
    { cidr: "10.244.0.0/16", allowed: false },
  ]);
});
