import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { podsWithinMs } from "#test/world/expect-status.ts";
import type { MeshWorld } from "#test/world/mesh-world.ts";
import { appSpec } from "#test/world/sample-mesh.ts";
import type { Shot } from "./page.ts";
import { namespace, steps } from "./steps.ts";
import { atTerminal } from "./terminal.ts";

/** A relative name, so that the page names no directory of this machine. */
const kubeconfig = "shop.kubeconfig";

/**
 * Does what the page shows, in a world with nothing installed.
 *
 * @throws when a command ends otherwise than it must
 */
export async function walk(mesh: MeshWorld, say: (line: string) => void = () => undefined): Promise<readonly Shot[]> {
  const directory = join(mesh.world.directory, "walk-through");
  await mkdir(join(directory, "bin"), { recursive: true });
  const osm = join(import.meta.dirname, "../../dist/osm.mjs");
  await writeFile(join(directory, "bin/osm"), `#!/bin/sh\nexec ${process.execPath} ${osm} "$@"\n`, { mode: 0o755 });
  await copyFile(mesh.cluster.kubeconfigPath, join(directory, kubeconfig));
  for (const app of ["front", "orders"]) await writeFile(join(directory, `${app}.yaml`), stringify(deployment(app)));
  const path = `${join(directory, "bin")}:${join(mesh.world.directory, "bin")}:${process.env["PATH"] ?? ""}`;
  const environment = { PATH: path, KUBECONFIG: kubeconfig, HOME: directory, NO_COLOR: "1", ...operatorOf(mesh) };
  await mesh.prepareInstall();
  const shots: Shot[] = [];
  for (const { until, exitCode, ...step } of steps(mesh.forwarderFlags)) {
    say(step.line);
    const shown = await atTerminal(step.line, { directory, environment });
    if (shown.exitCode !== exitCode) {
      throw new Error(`${step.line}: exit code ${shown.exitCode}, not ${exitCode}:\n${shown.text}`);
    }
    shots.push({ ...step, shown: shown.text, exitCode });
    if (until) await mesh.untilStatus(`after ${step.line}`, until, podsWithinMs);
  }
  return shots;
}

/** As an operator has it in a profile. */
function operatorOf({ aws }: MeshWorld): Readonly<Record<string, string>> {
  const { accessKeyId, secretAccessKey } = aws.credentials.operator;
  return {
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}

function deployment(name: string): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: appSpec("default") },
    },
  };
}
