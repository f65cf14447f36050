import type { KubeObject } from "#lib/kube/objects.ts";
import { injectionDefaults } from "#lib/mesh/injection.ts";
import type { EnvoyLogLevel } from "#lib/mesh/osm-config.ts";
import type { Parameters } from "../parameters.ts";
import { customResourceDefinition, list, object, oneOf, type Schema, text } from "./schema.ts";

const logLevels = [
  "trace",
  "debug",
  "info",
  "warning",
  "warn",
  "error",
  "critical",
  "off",
] as const satisfies readonly EnvoyLogLevel[];

const ipv4Range: Schema = text(18, {
  pattern: "^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\\.|/)){4}(3[0-2]|[12]?[0-9])$",
});

function quantity(whenAbsent: string): Schema {
  return text(20, { pattern: "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", default: whenAbsent });
}

const defaults = injectionDefaults;

/**
 * The parameter of the injection policy. Every default is here, this installation's image among them: the policy finds
 * every field, also after the object was lost and the reconciler has made it again.
 */
export function meshInjectionDefinition(parameters: Parameters): KubeObject {
  return customResourceDefinition({
    kind: "MeshInjection",
    plural: "meshinjections",
    hasStatus: false,
    columns: [
      { name: "IMAGE", type: "string", jsonPath: ".spec.images.sidecar" },
      { name: "LOG-LEVEL", type: "string", jsonPath: ".spec.envoyLogLevel" },
      { name: "AGE", type: "date", jsonPath: ".metadata.creationTimestamp" },
    ],
    schema: object(
      {
        spec: object({
          meshName: text(63, { minLength: 1, default: parameters.meshName }),
          images: object({ sidecar: text(512, { minLength: 1, default: parameters.images.sidecar }) }, { default: {} }),
          envoyLogLevel: oneOf(logLevels, { default: defaults.envoyLogLevel }),
          excludedRanges: list(ipv4Range, 256, { default: defaults.excludedRanges }),
          excludedPorts: list({ type: "integer", minimum: 1, maximum: 65_535 }, 256, {
            default: defaults.excludedPorts,
          }),
          serviceRanges: list(ipv4Range, 256, { default: defaults.serviceRanges }),
          systemServices: list(ipv4Range, 64, { default: defaults.systemServices }),
          sidecarResources: object(
            {
              cpuRequest: quantity(defaults.sidecarResources.cpuRequest),
              cpuLimit: quantity(defaults.sidecarResources.cpuLimit),
              memoryRequest: quantity(defaults.sidecarResources.memoryRequest),
              memoryLimit: quantity(defaults.sidecarResources.memoryLimit),
            },
            { default: {} },
          ),
          configNames: {
            type: "object",
            description: "ConfigMap names of service accounts of more than 241 characters, by account",
            additionalProperties: text(253),
            maxProperties: 1_000,
            default: defaults.configNames,
          },
        }),
      },
      { required: ["spec"] },
    ),
  });
}
