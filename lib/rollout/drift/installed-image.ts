import { installManager } from "../../mesh/field-manager.ts";
import { type FieldPath, valueAt, writersOf } from "../../mesh/managed-fields.ts";
import { type GuardObject, writesOf } from "./guard-object.ts";

/**
 * The sidecar image of this installation. It stands in two places: in the MeshInjection, which new pods get theirs from,
 * and as the default in that kind's definition.
 */
export interface InstalledImage {
  /** The one that was installed; undefined where neither place has one. */
  readonly wanted: string | undefined;
  /** When it was last written to the MeshInjection, ms since the epoch; absent where nobody knows. */
  readonly writtenAtMs?: number;
  /** The MeshInjection, where somebody has given it another one. */
  readonly instead?: GuardObject;
}

export const imagePath = ["spec", "images", "sidecar"] as const;
const versionsPath = ["spec", "versions"] as const;
const defaultPath: FieldPath = [
  ...[...versionsPath, 0, "schema", "openAPIV3Schema", "properties"],
  ...["spec", "properties", "images", "properties", "sidecar", "default"],
];

/** From both places; where they differ, from the one that only an installation has written, and first the definition. */
export function installedImage(
  definition: GuardObject | undefined,
  injection: GuardObject | undefined,
): InstalledImage {
  const preset = textAt(definition, defaultPath);
  const used = textAt(injection, imagePath);
  const writtenAtMs = Date.parse(writersOf(writesOf(injection), imagePath, injection)[0]?.time ?? "");
  const written = Number.isNaN(writtenAtMs) ? {} : { writtenAtMs };
  if (preset === undefined || used === undefined || preset === used) return { wanted: preset ?? used, ...written };
  if (isInstalled(injection, imagePath) && !isInstalled(definition, versionsPath)) return { wanted: used, ...written };
  return { wanted: preset, ...written, ...(injection ? { instead: injection } : {}) };
}

function textAt(object: GuardObject | undefined, path: FieldPath): string | undefined {
  const value = valueAt(object, path);
  return typeof value === "string" ? value : undefined;
}

function isInstalled(object: GuardObject | undefined, path: FieldPath): boolean {
  return writersOf(writesOf(object), path, object)[0]?.manager === installManager;
}
