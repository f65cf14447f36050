/** One command of the page, and what it showed. */
export interface Shot {
  readonly heading?: string;
  readonly says?: string;
  readonly line: string;
  readonly shown: string;
  readonly exitCode: number;
}

const head = `# Walk-through

The README's steps 5 to 7 and more of its commands, and what they show: a real cluster of one node, an emulator of AWS, a terminal of 100 columns.
Made by \`npm run walk-through\`; do not edit it by hand. What the world of the tests has instead of yours: the bus, the
endpoint and the forwarder's credentials in \`osm install\`, and no \`--image-registry\`, since the node has the images.
`;

const fence = "```";

/** As Markdown. */
export function pageText(shots: readonly Shot[]): string {
  const parts = shots.map(({ heading, says, line, shown, exitCode }) =>
    [
      ...(heading === undefined ? [] : [`## ${heading}`, ""]),
      ...(says === undefined ? [] : [says, ""]),
      `${fence}console`,
      ...line.split("\n").map((each, at, all) => `${at > 0 && all[at - 1]?.endsWith("\\") ? "" : "$ "}${each}`),
      ...(shown === "" ? [] : [shown]),
      fence,
      ...(exitCode === 0 ? [] : ["", `Exit code ${exitCode}.`]),
      "",
    ].join("\n"),
  );
  return [head, ...parts].join("\n").trimEnd().concat("\n");
}

/** One block of the page: what was typed, joined where a line goes on, and all of what was shown. */
export interface Block {
  readonly typed: readonly string[];
  readonly shown: string;
}

/** The page's blocks, as a reader finds them. */
export function readPage(page: string): readonly Block[] {
  return [...page.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => {
    const lines = block
      .replaceAll(/ \\\n +/g, " ")
      .trimEnd()
      .split("\n");
    return {
      typed: lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2)),
      shown: lines.filter((line) => !line.startsWith("$ ")).join("\n"),
    };
  });
}

/** What may differ from run to run: times, counts of milliseconds, names that Kubernetes makes, addresses, digests. */
const volatile: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/\b[0-9a-f]{12,}\b/g, "DIGEST"],
  [/\b(front|orders)-[a-z0-9]+-[a-z0-9]{5}\b/g, "$1-POD"],
  [/\b\d+(\.\d+)?( ?m?s)\b/g, "N$2"],
  [/\b\d+\.\d+\.\d+\.\d+(:\d+)?\b/g, "ADDRESS"],
  [/"resourceVersion": "\d+"/g, '"resourceVersion": "N"'],
  [/ +/g, " "],
];

/** The shape of an output: equal for two runs that showed the same. */
export function shapeOf(shown: string): string {
  return volatile.reduce((text, [pattern, replacement]) => text.replaceAll(pattern, replacement), shown).trim();
}
