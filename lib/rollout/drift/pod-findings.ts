import { isToBeInjected } from "../../mesh/injection-rule.ts";
import { sidecar } from "../../mesh/names.ts";
import type { Finding } from "./finding.ts";
import { nothing, objectText, valueTexts } from "./finding-text.ts";
import { injectCommand, restartCommand } from "./repairs.ts";
import type { Survey, SurveyedPod } from "./survey.ts";

/** Pods that should have a sidecar and have none, and those whose sidecar is not the installed one. */
export function podFindings({ pods, namespaces, image, place, injects, atMs }: Survey): readonly Finding[] {
  const byName = new Map(namespaces.map((namespace) => [namespace.name, namespace]));
  const repair = injects ? restartCommand(place) : injectCommand(place);
  return pods.flatMap((pod) => {
    const namespace = byName.get(pod.namespace);
    const object = objectText(`Pod ${pod.namespace}/${pod.name}`);
    if (pod.sidecarImage !== undefined) {
      if (image.wanted === undefined || pod.sidecarImage === image.wanted) return [];
      return [
        {
          object,
          field: `spec.initContainers[${sidecar.container}].image`,
          ...valueTexts(image.wanted, pod.sidecarImage),
          since: since(pod, image.writtenAtMs ?? atMs),
          repair,
        },
      ];
    }
    if (!namespace || !isToBeInjected(namespace, pod.injection ?? {}, place)) return [];
    return [
      {
        object,
        field: "spec.initContainers",
        wanted: `sidecar ${sidecar.container}`,
        found: nothing,
        since: since(pod, atMs),
        repair,
      },
    ];
  });
}

/** A pod's containers stay as they were made; what is wanted of them may have changed later. */
function since({ createdAtMs }: SurveyedPod, beforeMs: number): Finding["since"] {
  const time = (ms: number) => new Date(ms).toISOString();
  return { after: time(createdAtMs), before: time(Math.max(createdAtMs, beforeMs)) };
}
