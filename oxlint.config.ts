/** Which folder may import what. Whatever a folder is not given here is refused with the reason. */
interface Layer {
  readonly folder: string;
  /** Folders under the root that it must not reach. */
  readonly not: readonly string[];
  /** No client, no file system, no clock, no chance, no environment: equal inputs give equal outputs. */
  readonly pure?: true;
  /** Packages that only this folder imports. */
  readonly owns?: readonly string[];
}

const outside = ["functions", "deploy", "tools", "test"];
const shells = ["lib/kube", "lib/aws", "lib/cli", "lib/forwarder"];

const layers: readonly Layer[] = [
  {
    folder: "lib/mesh",
    not: [...outside, ...shells, "lib/reconcile", "lib/rollout", "lib/envoy", "lib/events"],
    pure: true,
  },
  { folder: "lib/envoy", not: [...outside, ...shells, "lib/reconcile", "lib/rollout", "lib/events"], pure: true },
  { folder: "lib/rollout", not: [...outside, ...shells, "lib/reconcile"], pure: true },
  { folder: "lib/events", not: [...outside, ...shells, "lib/reconcile", "lib/rollout", "lib/envoy"] },
  { folder: "lib/gitops", not: [...outside, ...shells, "lib/reconcile", "lib/rollout", "lib/envoy", "lib/audit"] },
  { folder: "lib/audit", not: [...outside, ...shells, "lib/reconcile", "lib/rollout", "lib/envoy", "lib/gitops"] },
  { folder: "lib/reconcile", not: [...outside, ...shells] },
  { folder: "lib/forwarder", not: [...outside, "lib/aws", "lib/cli", "lib/reconcile", "lib/rollout"] },
  { folder: "lib/kube", not: [...outside, "lib/aws", "lib/cli", "lib/forwarder"], owns: ["@kubernetes/client-node"] },
  { folder: "lib/aws", not: [...outside, "lib/cli", "lib/forwarder"], owns: ["@aws-sdk/*", "@smithy/*"] },
  { folder: "lib/cli", not: ["functions", "tools", "test"] },
  // From deploy, what is installed, for a drift check to compare with: only when it is asked for.
  { folder: "functions", not: ["tools", "test", "lib/cli", "lib/forwarder"] },
  { folder: "deploy", not: ["functions", "tools", "test", "lib/aws", "lib/cli", "lib/reconcile"] },
  { folder: "deploy/images", not: ["functions", "test", "lib/aws", "lib/cli", "lib/reconcile"] },
];

const clients = [
  "undici",
  "@kubernetes/*",
  "@aws-sdk/*",
  "@smithy/*",
  "@aws-lambda-powertools/*",
  "node:http*",
  "node:net",
  "node:tls",
  "node:dns*",
];
const machine = [
  "node:fs",
  "node:fs/*",
  "node:child_process",
  "node:os",
  "node:process",
  "node:timers",
  "node:timers/*",
  "node:worker_threads",
];

interface Pattern {
  readonly group: readonly string[];
  readonly message: string;
}

function importPatterns(layer: Layer): Pattern[] {
  const owned = layers.flatMap(({ folder, owns = [] }) => (folder === layer.folder ? [] : owns));
  return [
    { group: layer.not.flatMap(waysTo), message: `${layer.folder} does not reach there: imports point one way.` },
    { group: owned, message: "Only the folder that wraps this package imports it: lib/kube, lib/aws." },
    ...(layer.pure
      ? [{ group: [...clients, ...machine], message: `${layer.folder} is pure: no client, clock or file system.` }]
      : []),
  ];
}

/** A folder as it is written in imports: by alias, or relative from wherever the importer is. */
function waysTo(folder: string): string[] {
  const short = folder.replace(/^lib\//, "");
  const relative = folder.startsWith("lib/")
    ? [`../${short}/**`, `../../${short}/**`, `**/lib/${short}/**`]
    : [`../**/${short}/**`];
  return [`#${folder}/**`, ...relative];
}

const pureRules = {
  "no-restricted-globals": ["error", "fetch", "performance", "process", "setTimeout", "setInterval", "setImmediate"],
  "no-restricted-properties": [
    "error",
    { object: "Date", property: "now", message: "Pure folders are told the time." },
    { object: "Math", property: "random", message: "Pure folders leave nothing to chance." },
    { object: "crypto", property: "randomUUID", message: "Pure folders leave nothing to chance." },
  ],
};

export default {
  plugins: ["typescript", "import", "node", "oxc", "promise", "unicorn", "vitest"],
  categories: { correctness: "error" },
  options: { typeAware: true },
  ignorePatterns: ["dist", "node_modules", "tools/lint/fixtures"],
  rules: {
    "import/no-cycle": "error",
    "typescript/await-thenable": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "typescript/restrict-template-expressions": "off",
    "typescript/no-base-to-string": "off",
    // `string | "conflict"` tells the reader what the type cannot.
    "typescript/no-redundant-type-constituents": "off",
    // Ports are plain objects; their methods are called on them.
    "typescript/unbound-method": "off",
    "vitest/no-conditional-expect": "error",
    "vitest/no-disabled-tests": "error",
    "vitest/no-focused-tests": "error",
    "vitest/expect-expect": "off",
    // Set-up may check what it has set up.
    "vitest/no-standalone-expect": "off",
    "vitest/require-mock-type-parameters": "off",
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
    // `describe(name, () => suite(mesh))` returns nothing, which this rule cannot see.
    "vitest/valid-describe-callback": "off",
    // Rows of flags are grouped by spreading.
    "unicorn/no-useless-spread": "off",
  },
  overrides: [
    ...layers.map((layer) => ({
      files: [`${layer.folder}/**/*.ts`],
      rules: {
        "no-restricted-imports": ["error", { patterns: importPatterns(layer) }],
        "node/no-process-env": "error",
        ...(layer.pure ? pureRules : {}),
      },
    })),
    {
      // Where a process starts and reads its settings, once.
      files: ["functions/*.ts", "**/settings.ts"],
      rules: { "node/no-process-env": "off" },
    },
  ],
};
