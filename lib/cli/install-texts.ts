import { stringify } from "yaml";
import type { Parameters } from "#deploy/parameters.ts";
import type { KubeObject } from "../kube/objects.ts";
import type { MeshPlace } from "../mesh/names.ts";
import { injectCommand, installCommand } from "../rollout/drift/repairs.ts";
import type { ConfigEdit } from "./osm-config-edit.ts";

/** kubectl reads YAML 1.1, where a plain `off` is a boolean. */
const forKubectl = { aliasDuplicateObjects: false, version: "1.1" } as const;

/** Manifests for kubectl: a YAML stream, or one List. */
export function printed(objects: readonly KubeObject[], format: "yaml" | "json"): string {
  if (format === "json") return `${JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, null, 2)}\n`;
  return objects.map((object) => `---\n${stringify(object, forKubectl)}`).join("");
}

/** What came of osm-config, and who may undo it. */
export function editText(edit: ConfigEdit): string {
  const values = `egress ${JSON.stringify(edit.data["egress"] ?? "")}`;
  if (edit.kind !== "changed" || edit.owners === undefined) return `${edit.kind}, ${values}`;
  return `changed, ${values}; ${edit.owners}`;
}

export function nextSteps({ osmNamespace, meshName }: Parameters): string {
  return [
    `OSM installed in namespace [${osmNamespace}] with mesh name [${meshName}]`,
    "Next: osm namespace add NAMESPACE",
    "",
  ].join("\n");
}

/** For a person whose API server does not inject. @param why  reads on after "by themselves: " */
export function withoutInjection(why: string, place: MeshPlace): string {
  return [
    "",
    `Pods get no sidecar by themselves: ${why}.`,
    `Put it in before you apply: ${injectCommand(place)}`,
    `When the API is served, ${installCommand(place)} brings what injects.`,
    "",
  ].join("\n");
}
