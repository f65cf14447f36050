import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { osmRun, type Said } from "#test/osm-run.ts";

/** A command with a kubeconfig of this content; `file` is where that was. */
export async function osmSaid(
  kubeconfig: object,
  ...args: readonly string[]
): Promise<Said & { readonly file: string }> {
  const directory = mkdtempSync(join(tmpdir(), "osm-said-"));
  try {
    const file = join(directory, "config");
    writeFileSync(file, JSON.stringify(kubeconfig), { mode: 0o600 });
    return { ...(await osmRun(...args, "--kubeconfig", file)), file };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
