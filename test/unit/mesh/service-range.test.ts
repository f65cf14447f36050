import { expect, test } from "vitest";
import { outsideServices, reachesServices, systemAddresses } from "#lib/mesh/service-range.ts";

const range = { cidrs: ["10.96.0.0/16"], outside: new Set(["10.96.0.1/32"]) };

test.each([
  ["10.96.0.1/32", false],
  ["10.96.0.2/32", true],
  ["10.96.0.0/31", true],
  ["10.0.0.0/8", true],
  ["10.97.0.0/16", false],
])("%s reaches Services of the mesh: %j", (cidr, reaches) => {
  expect(reachesServices(cidr, range)).toBe(reaches);
});

test("where nobody knows the range, nothing does", () => {
  expect(reachesServices("0.0.0.0/0", { cidrs: [], outside: new Set() })).toBe(false);
});

test("outside are Services of other namespaces, and those without a selector; each with an IPv4 address", () => {
  const service = (namespace: string, name: string, clusterIP: string, hasSelector = true) => ({
    namespace,
    name,
    clusterIP,
    hasSelector,
    type: "ClusterIP",
    ports: [80],
  });
  const services = [
    service("shop", "web", "10.96.0.20"),
    service("shop", "by-hand", "10.96.0.21", false),
    service("other", "web", "10.96.0.22"),
    service("other", "headless", "None"),
    service("other", "new", ""),
    service("other", "six", "fd00::1"),
  ];
  expect(outsideServices(services, new Set(["shop"]))).toEqual([
    { namespace: "shop", name: "by-hand", cidr: "10.96.0.21/32" },
    { namespace: "other", name: "web", cidr: "10.96.0.22/32" },
  ]);
});

test("the system's are the Kubernetes API and what is in its namespaces, in one order, at most 64", () => {
  const of = (namespace: string, name: string, cidr: string) => ({ namespace, name, cidr });
  expect(
    systemAddresses([
      of("kube-system", "kube-dns", "10.96.0.10/32"),
      of("default", "kubernetes", "10.96.0.1/32"),
      of("default", "web", "10.96.0.2/32"),
      of("shop", "kubernetes", "10.96.0.3/32"),
    ]),
  ).toEqual(["10.96.0.1/32", "10.96.0.10/32"]);
  const many = Array.from({ length: 65 }, (_, at) => of("kube-system", `s${at}`, `10.96.1.${at}/32`));
  expect(systemAddresses(many)).toHaveLength(64);
});
