import { expect, test } from "vitest";
import { inMeshDestinations, type MeshService } from "#lib/mesh/in-mesh.ts";

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
