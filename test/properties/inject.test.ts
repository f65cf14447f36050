import fc from "fast-check";
import { expect, test } from "vitest";
import { parseManifest, printManifest } from "#lib/cli/inject/kubectl-yaml.ts";
import type { InjectingMesh } from "#lib/cli/inject/mesh.ts";
import { injectSources } from "#lib/cli/inject/render.ts";
import { annotations, labels, meshPlace } from "#lib/mesh/names.ts";
import { isFull } from "#test/counts.ts";
import { podSpec } from "#test/pod-specs.ts";

/** Each injects twice, and takes 30 ms. */
const numRuns = isFull ? 500 : 50;

const mesh: InjectingMesh = {
  place: meshPlace,
  injection: { images: { sidecar: "sidecar:1" } },
  namespace: async (name) => {
    return { name, labels: { [labels.monitoredBy]: "osm" }, annotations: { [annotations.injection]: "enabled" } };
  },
  limitDefaults: async () => ({ limits: {}, requests: {} }),
};

const inject = async (text: string) => (await injectSources([{ name: "x", text }], mesh, "shop")).text;

/** A line that could be read as something else than a text. */
const trap = fc.constantFrom(
  ..."yes no on y N ~ null true 1 0644 0o17 1_0 1e3 .5 . 12:30:45 2001-01-01 0x1F -_0 0X1F +0o7 0B1 ._5 = << - # ? | >".split(
    " ",
  ),
);
const text = fc.oneof(trap, fc.string({ unit: "grapheme" }), fc.stringMatching(/^[ -~\n\t]*$/));

test("printed and read again, every value is the same", () => {
  const value = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }),
      // Whole ones beyond the safe integers are read as what they are printed as, which no number is.
      fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .filter((number) => !Number.isInteger(number) || Number.isSafeInteger(number))
        .map((number) => number + 0),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("tree")),
      fc.dictionary(
        text.filter((key) => key !== "__proto__" && key !== "<<"),
        tie("tree"),
      ),
    ),
  })).tree;
  fc.assert(
    fc.property(value, (value) => {
      expect(parseManifest({ text: printManifest({ value }), line: 1 })).toEqual({ value: { value } });
    }),
  );
});

test("injected twice is injected once, to the byte, whatever the pod has and wherever it is", async () => {
  const kinds = fc.constantFrom("Pod", "Deployment", "CronJob", "List");
  await fc.assert(
    fc.asyncProperty(podSpec, kinds, async (spec, kind) => {
      const plain = printManifest(objectOf(kind, spec));
      const once = await inject(`# of ${kind}\n${plain}---\na: 1\n`);
      expect(once).toContain("name: osm-init");
      expect(await inject(once)).toBe(once);
      expect(once.endsWith("---\na: 1\n")).toBe(true);
    }),
    { numRuns },
  );
});

function objectOf(kind: string, spec: object): object {
  const metadata = { name: "subject" };
  switch (kind) {
    case "Deployment":
      return { apiVersion: "apps/v1", kind, metadata, spec: { template: { spec } } };
    case "CronJob":
      return { apiVersion: "batch/v1", kind, metadata, spec: { jobTemplate: { spec: { template: { spec } } } } };
    case "List":
      return {
        apiVersion: "v1",
        kind,
        items: [{ kind: "ConfigMap" }, objectOf("Deployment", spec), objectOf("Pod", spec)],
      };
    default:
      return { apiVersion: "v1", kind, metadata, spec };
  }
}
