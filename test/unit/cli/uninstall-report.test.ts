import { expect, test } from "vitest";
import { type UninstallReport, uninstallText } from "#lib/cli/uninstall/report.ts";

const report: UninstallReport = {
  mesh: "osm",
  namespace: "osm-system",
  outcome: "uninstalled",
  removed: ["ClusterRole osm-reconciler", "Role osm-system/osm-reconciler"],
  kept: ["Namespace osm-system"],
  workloads: [],
  notes: [],
};

const workload = (name: string) => {
  return {
    of: `Deployment shop/${name}`,
    namespace: "shop",
    pods: [`shop/${name}-1`, `shop/${name}-2`],
    remedy: `kubectl rollout restart deployment/${name} -n shop`,
  };
};

test("what is kept is listed, what is removed is counted", () => {
  expect(uninstallText(report, "table")).toBe(
    [
      "OSM uninstalled: 2 objects of mesh [osm] in namespace [osm-system] are removed",
      "",
      "Kept:",
      "  Namespace osm-system",
    ].join("\n"),
  );
});

test("who keeps a sidecar is told with what to do, and that the command wants to be run again", () => {
  const text = uninstallText({ ...report, workloads: [workload("web")] }, "table");
  expect(text).toContain("2 pods keep their sidecar until they are restarted:");
  expect(text).toMatch(/Deployment shop\/web +2 +kubectl rollout restart deployment\/web -n shop/);
  expect(text).toContain("Afterwards: osm uninstall, once more");
});

test("a refusal says that nothing is removed, and lists no more than twenty", () => {
  const workloads = Array.from({ length: 23 }, (_, at) => workload(`app-${String(at).padStart(2, "0")}`));
  const text = uninstallText({ ...report, outcome: "refused", removed: [], workloads }, "table");
  expect(text).toContain("Nothing is removed of mesh [osm]");
  expect(text).toContain("46 pods have a sidecar:");
  expect(text).toContain("app-19");
  expect(text).not.toContain("app-20");
  expect(text).toContain("and 3 more; -o json has all");
  expect(text).not.toContain("Kept:");
});

test("sidecars that are not open are named with why, and what no sidecar decides is said", () => {
  const missing = [{ pod: "shop/web-1", reason: "NoAnswer: none within 2 s" }];
  const text = uninstallText({ ...report, opened: { total: 3, verified: 2, missing } }, "table");
  expect(text).toContain("Egress opened: 2 of 3 sidecars");
  expect(text).toContain("UDP, ICMP and IPv6");
  expect(text).toMatch(/shop\/web-1 +NoAnswer: none within 2 s/);
});

test("what was opened before it failed is told with who closes it, or that it is closed", () => {
  const failed: UninstallReport = { ...report, outcome: "failed", removed: [] };
  const undone = { sidecars: 3, configured: "off", trouble: "NoAnswer" } as const;
  const text = uninstallText({ ...failed, undone }, "table");
  expect(text).toContain("3 sidecars were opened; osm-system/osm-config says off, and not all may be back: NoAnswer");
  expect(text).toContain("→ osm reconcile --correct closes them");
  const on = uninstallText({ ...failed, undone: { ...undone, configured: "on" } }, "table");
  expect(on).toContain("→ osm reconcile --correct brings them back");
  const closed = uninstallText({ ...failed, undone: { sidecars: 3, configured: "off" } }, "table");
  expect(closed).toContain("3 sidecars were opened, and have answered that they do what osm-system/osm-config says");
  expect(closed).not.toContain("reconcile");
});

test("a program gets all of it", () => {
  expect(JSON.parse(uninstallText(report, "json"))).toEqual(report);
});
