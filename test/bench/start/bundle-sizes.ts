import { readFile } from "node:fs/promises";
import { bundle } from "../../../tools/bundle.ts";
import { row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";

const table = new URL("../../../tools/bundle-sizes.json", import.meta.url);

export const bundleSizes: Scenario = {
  name: "sizes",
  title: "Bundles: what is read at the start",
  async measure() {
    const known = JSON.parse(await readFile(table, "utf8")) as Readonly<Record<string, number>>;
    const rows = (await bundle()).map(({ file, bytes }) => {
      const before = known[file];
      const beside = before === undefined ? undefined : { floor: [before / 1024], what: "table", wantedRatio: 1.05 };
      return row(file, "KiB", [bytes / 1024], beside);
    });
    return { rows };
  },
};
