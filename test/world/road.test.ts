import { afterAll, beforeAll, describe } from "vitest";
import { startMeshWorld, type MeshWorld } from "./mesh-world.ts";
import { seedSuite } from "./suites/seed.ts";

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

describe("the seed, line by line", () => seedSuite(theMesh));
