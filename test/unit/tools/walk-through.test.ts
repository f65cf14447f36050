import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { manifests } from "#deploy/manifests.ts";
import { defaults } from "#deploy/parameters.ts";
import { installationOf } from "#lib/cli/install.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { pageText, readPage, type Shot, shapeOf } from "../../../tools/walk-through/page.ts";
import { screenText } from "../../../tools/walk-through/screen.ts";
import { steps } from "../../../tools/walk-through/steps.ts";

const root = join(import.meta.dirname, "../../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = readPage(readFileSync(join(root, "docs/walk-through.md"), "utf8"));
const typed = blocks.flatMap((block) => block.typed);

/** Lines of the README's steps 5 to 7, joined where they go on. */
const [, stepsOfReadme = ""] = /\*\*5\. Install\*\*([\s\S]*?)\nWithout AWS,/.exec(readme) ?? [];
const linesOfReadme = [...stepsOfReadme.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) =>
  block
    .replaceAll(/ \\\n +/g, " ")
    .trim()
    .split("\n"),
);

describe("docs/walk-through.md", () => {
  test.each(linesOfReadme.filter((line) => !line.startsWith("osm install")))("has the README's line: %s", (line) => {
    expect(typed).toContain(line);
  });

  test("has the README's osm install, with this world's flags", () => {
    const [inReadme] = linesOfReadme.filter((line) => line.startsWith("osm install"));
    const [onPage] = typed.filter((line) => line.startsWith("osm install"));
    const flags = inReadme?.match(/--[\w-]+/g) ?? [];
    expect(flags.filter((flag) => !onPage?.includes(`${flag} `))).toEqual(["--image-registry"]);
  });

  test.each(typed.filter((line) => line.startsWith("osm ")))("every word is the README's: %s", (line) => {
    const [path = ""] = /^osm [a-z]+( (add|list|remove|status|enable|disable)\b)?/.exec(line) ?? [];
    const [verb = "", noun] = path.split(" ").slice(1).toReversed();
    expect(readme).toMatch(
      noun === undefined ? new RegExp(`osm ${verb}\\b`) : new RegExp(`osm ${noun} .*\\b${verb}\\b`),
    );
    const [ours = ""] = line.split(" | ");
    for (const flag of ours.match(/(?<= )--?[a-z][\w-]*/g) ?? []) expect(readme).toContain(flag);
  });

  test("is made of today's steps", () => {
    const today = readPage(pageText(steps([]).map((step): Shot => ({ ...step, shown: "" }))));
    const withoutFlags = (lines: readonly string[]) =>
      lines.map((line) => line.replace(/^(osm install --[\w-]+) .*/, "$1"));
    expect(blocks.map((block) => withoutFlags(block.typed))).toEqual(today.map((block) => withoutFlags(block.typed)));
  });

  test("osm install's lines have today's titles, and as many objects", () => {
    const nobody: KubeConnection = {
      server: "https://api",
      send: () => Promise.reject(new Error("nothing is sent")),
      stream: () => {
        throw new Error("nothing is watched");
      },
    };
    const { definitions, access, objects, policies } = manifests(defaults);
    const shown = blocks.find(({ typed: [line = ""] }) => line.startsWith("osm install"))?.shown.split("\n") ?? [];
    const lines = shown.filter((line) => line.startsWith("✔ "));
    const titles = installationOf(nobody, defaults).steps.map(({ title }) => `✔ ${title}: `);
    // After them come the steps of a change that is waited for.
    expect(titles.map((title, at) => lines[at]?.slice(0, title.length))).toEqual(titles);
    expect(lines.slice(1, 5)).toEqual([
      `✔ Namespace and custom resources: ${definitions.length} objects`,
      `✔ Access of the reconciler: ${access.length} objects`,
      `✔ Injection parameter and rollout: ${objects.length} objects`,
      `✔ Admission policies: ${policies.length} applied, that of osm-config in force`,
    ]);
  });

  test("shows something for each, no control characters and no directory of the machine that made it", () => {
    for (const { shown } of blocks) {
      expect(shown.trim()).not.toBe("");
      expect(Array.from(shown).filter((character) => character < " " && character !== "\n")).toEqual([]);
      expect(shown).not.toMatch(/\/(tmp|root|home|work)\//);
    }
  });
});

test("a page is read as it was written", () => {
  const shots: readonly Shot[] = [
    { heading: "One", says: "It says.", line: "osm a \\\n    --b c", shown: "x\ny", exitCode: 0 },
    { line: "d\ne", shown: "", exitCode: 1 },
  ];
  const page = pageText(shots);
  expect(readPage(page)).toEqual([
    { typed: ["osm a --b c"], shown: "x\ny" },
    { typed: ["d", "e"], shown: "" },
  ]);
  expect(page).toContain("## One\n\nIt says.\n\n```console\n$ osm a \\\n    --b c\nx\ny\n```\n");
  expect(page).toContain("Exit code 1.");
});

test("two runs that showed the same have one shape, and another word is another shape", () => {
  const first = shapeOf(
    "Deployment web/front: pod front-5b9c7d8f6-x2x4z after 12 ms at 2026-01-01T00:00:00Z, 10.1.2.3:80",
  );
  expect(first).toBe(
    shapeOf("Deployment web/front: pod front-7f6d5c4b3-abcde after 3.5 ms at 2027-01-01T00:00:00.5Z, 10.9.9.9:80"),
  );
  expect(first).not.toBe(shapeOf("Deployment web/front: pods after 12 ms at 2026-01-01T00:00:00Z, 10.1.2.3:80"));
});

describe("what stands on the terminal in the end", () => {
  test.each([
    ["plain lines", "a\r\nb\r\n", "a\nb"],
    ["colours and a hidden cursor", "\x1b[?25l\x1b[32mgreen\x1b[39m\x1b[?25h\r\n", "green"],
    ["a spinner, in place", "- wait\r\x1b[K\\ wait\r\x1b[K✔ done\r\n", "✔ done"],
    ["several lines, drawn again", "- a\r\n- b\r\n\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K\x1b[G✔ a\r\n- b\r\n", "✔ a\n- b"],
    ["everything below, erased", "a\r\nb\r\nc\x1b[2A\x1b[G\x1b[J✔\r\n", "✔"],
    ["blanks at the end", "a   \r\n\r\n", "a"],
    ["a long line", "abcdefghijklm\r\n", "abcdefghij\nklm"],
    ["one that just fits", "abcdefghij\r\nk\r\n", "abcdefghij\nk"],
    ["a step to the right", "a\x1b[2Cb", "a  b"],
  ])("%s", (_, written, text) => {
    expect(screenText(written, 10)).toBe(text);
  });
});
