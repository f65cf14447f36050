import { maxFencing } from "../mesh/fencing.ts";
import { type ManagedFields, timeOf } from "../mesh/managed-fields.ts";
import { annotations, fieldManager, labels, sidecarFiles } from "../mesh/names.ts";
import { parseRunningSettings, type RunningSettings, runningSettingsText } from "../mesh/running-settings.ts";
import { sidecarConfigName } from "../mesh/sidecar-config-name.ts";
import type { ConfigMapWrite } from "../rollout/config-writes.ts";
import type { SidecarConfigMap, Writer } from "../rollout/observation.ts";
import { appliedAt, foreignWrite } from "./field-owners.ts";
import type { KubeObject } from "./objects.ts";

interface RawConfigMap {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly ManagedFields[];
  };
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
}

/** Everything of it that is the reconciler's and may be altered without the ConfigMap being taken for another one. */
const ownFields: readonly (readonly string[])[] = [
  ...sidecarFiles.map((file) => ["data", file]),
  ...[annotations.digest, annotations.settings, annotations.fencing].map((key) => ["metadata", "annotations", key]),
];

/**
 * @returns undefined for one that carries our label and is none of ours: anybody may make a ConfigMap with a label, but
 *          what counts is the name that pods mount
 */
export function decodeSidecarConfigMap(object: unknown): SidecarConfigMap | undefined {
  const { metadata, data = {}, immutable } = object as RawConfigMap;
  const applied = appliedAt(metadata.managedFields, fieldManager);
  const writers = foreignWriters(object as RawConfigMap);
  const proof = metadata.annotations?.[annotations.proof];
  const account = metadata.annotations?.[annotations.account];
  if (account === undefined || metadata.name !== sidecarConfigName(account)) return undefined;
  const fencing = Number(metadata.annotations?.[annotations.fencing]);
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    createdAtMs: Date.parse(metadata.creationTimestamp ?? "") || 0,
    account,
    files: Object.fromEntries(sidecarFiles.flatMap((file) => (data[file] === undefined ? [] : [[file, data[file]]]))),
    settings: parseRunningSettings(metadata.annotations?.[annotations.settings]),
    fencing: Number.isInteger(fencing) && fencing > 0 && fencing <= maxFencing ? fencing : 0,
    ...(immutable ? { immutable: true } : {}),
    ...(proof === undefined ? {} : { proof }),
    ...(applied === undefined ? {} : { appliedAt: applied }),
    ...(Object.keys(writers).length === 0 ? {} : { writers }),
  };
}

function foreignWriters(object: RawConfigMap): Readonly<Record<string, Writer>> {
  return Object.fromEntries(
    // Set to false it is ours no more than absent: nothing of it would be applied, and it would never be ours again.
    [...ownFields, ...(object.immutable ? [["immutable"]] : [])].flatMap((path) => {
      const write = foreignWrite(object, fieldManager, path);
      if (write?.manager === undefined) return [];
      const at = timeOf(write);
      return [[path.join("."), { manager: write.manager, ...(at === undefined ? {} : { at }) }]];
    }),
  );
}

export function sidecarConfigMap(
  write: ConfigMapWrite,
  running: RunningSettings,
  fencing: number,
  meshName: string,
): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: write.name,
      namespace: write.account.namespace,
      labels: { [labels.sidecarConfig]: meshName },
      annotations: {
        [annotations.account]: write.account.name,
        [annotations.digest]: write.config.digest,
        [annotations.settings]: runningSettingsText(running),
        [annotations.fencing]: String(fencing),
        ...(write.proof === undefined ? {} : { [annotations.proof]: write.proof }),
      },
    },
    data: write.config.files,
  };
}
