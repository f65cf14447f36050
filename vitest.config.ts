import { defineConfig } from "vitest/config";

/** Tests by what they need: nothing; a private API server; a whole cluster with its node, its outside and AWS. */
const golden = "test/golden/**/*.test.ts";
const apiserver = "test/apiserver/**/*.test.ts";
const world = ["test/cluster/**/*.test.ts", "test/aws/**/*.test.ts", "test/world/**/*.test.ts"];

export default defineConfig({
  test: {
    allowOnly: !process.env["CI"],
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [golden, apiserver, ...world],
          setupFiles: ["test/fast-check.setup.ts"],
          // Some start programs, and the machine may be busy.
          testTimeout: 30_000,
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
          globalSetup: ["test/apiserver/setup.ts"],
          setupFiles: ["test/fast-check.setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Two cores: one server at a time.
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "world",
          include: world,
          setupFiles: ["test/fast-check.setup.ts"],
          testTimeout: 300_000,
          hookTimeout: 10 * 60_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
    ],
  },
});
