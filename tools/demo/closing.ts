import { isOn } from "#test/world/expect-status.ts";
import { patchLine, type Stage } from "./stage.ts";
import { heading, tell } from "./terminal.ts";

/** A typing error changes nothing, and says what would have been right. */
export async function badValue({ mesh, shell, checks }: Stage): Promise<void> {
  heading("5  A bad value");
  tell("The API server itself refuses what is not a boolean; no webhook and no pod is involved.");
  const ran = await shell.type(patchLine("ture"));
  const refused = ran.exitCode !== 0 && ran.text.includes("must be a boolean") && ran.text.includes('"ture"');
  checks.expect(refused, "Refused, with the accepted spellings.");
  const value = await shell.type("kubectl get ConfigMap osm-config -n osm-system -o jsonpath='{.data.egress}'");
  checks.expect(value.text === "false" && isOn(await mesh.status(), false), "Nothing has changed: egress is off.");
}

export async function whereItStands({ mesh, shell, checks }: Stage): Promise<void> {
  heading("6  Where it stands");
  await shell.type("kubectl get egr -n osm-system");
  const shown = await shell.type("osm egress status");
  checks.expect(shown.text.includes("egress off: 6 of 6 sidecars verified"), "Off, and 6 of 6.");
  const isCovered = !shown.text.includes("Outside the guarantee");
  checks.expect(isCovered, "No pod has the rights to get past its sidecar: the guarantee is for all six.");
  const status = await mesh.status();
  const values = (status.history ?? []).map((entry) => (entry.to ? "on" : "off"));
  checks.expect(values.slice(0, 2).join() === "off,on", "The status remembers both changes: osm egress status -o wide");
}
