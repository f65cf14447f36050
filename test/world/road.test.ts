import { afterAll, beforeAll, describe } from "vitest";
import { isFull } from "#test/counts.ts";
import { type MeshWorld, startMeshWorld } from "./mesh-world.ts";
import { badValuesSuite } from "./suites/bad-values.ts";
import { churnSuite } from "./suites/churn.ts";
import { cutSuite } from "./suites/cut.ts";
import { freshSuite } from "./suites/fresh.ts";
import { gitopsSuite } from "./suites/gitops.ts";
import { latePodsSuite } from "./suites/late-pods.ts";
import { podsSuite } from "./suites/pods.ts";
import { rbacSuite } from "./suites/rbac.ts";
import { seedSuite } from "./suites/seed.ts";
import { valuesSuite } from "./suites/values.ts";
import { withoutAwsSuite } from "./suites/without-aws.ts";

/** One world for all suites, in this order: each leaves the sample mesh as it found it, with egress off. */
let mesh: MeshWorld | undefined;
const theMesh = (): MeshWorld => {
  if (!mesh) throw new Error("the world has not started");
  return mesh;
};

beforeAll(async () => {
  mesh = await startMeshWorld({ log: (line) => console.log(line) });
});

afterAll(async () => {
  await mesh?.stop();
});

// The first one installs the mesh that the others use; the last but one reads the audit log of them all.
describe("the seed, line by line", () => seedSuite(theMesh));
describe("what off cuts, and what it leaves alone", () => cutSuite(theMesh, { toggles: isFull ? 20 : 6 }));
describe("values that are no booleans", () => badValuesSuite(theMesh));
describe("every value of the switch", () => valuesSuite(theMesh));
describe("who else writes osm-config, and how fast", () => gitopsSuite(theMesh));
describe("a mesh in which nothing stands still", () => churnSuite(theMesh, { flips: isFull ? 50 : 8 }));
describe("pods that come late", () => latePodsSuite(theMesh));
describe("pods that do not answer, and events that do not come", () => podsSuite(theMesh));
describe("the same pass without AWS", () => withoutAwsSuite(theMesh));
describe("least privilege", () => rbacSuite(theMesh));
describe("a fresh mesh with egress on", () => freshSuite(theMesh));
