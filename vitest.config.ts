import { defineConfig } from "vitest/config";
import { isFull } from "./test/counts.ts";

/**
 * Tests by what they need: nothing; a private API server that all share, or one of their own; a whole cluster with its
 * node, its outside and AWS, and of these apart those that go by the clock, and so want the machine for themselves.
 */
const golden = "test/golden/**/*.test.ts";
const apiserver = "test/apiserver/**/*.test.ts";
const faults = "test/apiserver/faults/**/*.test.ts";
const soak = "test/apiserver/faults/soak/*.test.ts";
const world = [
  "test/aws/dead-and-slow.test.ts",
  "test/world/drift.test.ts",
  "test/world/road.test.ts",
  "test/world/walk-through.test.ts",
  "test/world/ways-in.test.ts",
];
const node = ["test/cluster/**/*.test.ts", "test/aws/**/*.test.ts", "test/world/**/*.test.ts"];

/** Loading the AWS SDK and the Kubernetes client anew for each file takes as long as all the tests of this kind. */
const loadedOnce = { isolate: false };

const onCluster = {
  setupFiles: ["test/fast-check.setup.ts"],
  testTimeout: 300_000,
  hookTimeout: 10 * 60_000,
  fileParallelism: false,
  sequence: { concurrent: false },
};

export default defineConfig({
  test: {
    allowOnly: !process.env["CI"],
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [golden, apiserver, ...node],
          setupFiles: ["test/fast-check.setup.ts"],
          ...loadedOnce,
          // Some start programs, and the machine may be busy; the full counts of a property take minutes then.
          testTimeout: isFull ? 600_000 : 30_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "golden",
          include: [golden],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "apiserver",
          include: [apiserver],
          exclude: [faults],
          globalSetup: ["test/apiserver/setup.ts"],
          setupFiles: ["test/fast-check.setup.ts"],
          ...loadedOnce,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Two cores: one server at a time.
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "faults",
          include: [faults],
          exclude: [soak],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: "soak", include: [soak], hookTimeout: 120_000 } },
      { test: { name: "node", include: node, exclude: world, ...onCluster } },
      { test: { name: "world", include: world, ...onCluster } },
    ],
  },
});
