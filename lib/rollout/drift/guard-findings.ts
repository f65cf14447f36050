import { installManager } from "../../mesh/field-manager.ts";
import { type FieldPath, newestFirst, timeOf, valueAt, writersOf } from "../../mesh/managed-fields.ts";
import type { MeshPlace } from "../../mesh/names.ts";
import { registryOf } from "../../mesh/sidecar-image.ts";
import { differences } from "./differences.ts";
import type { Finding } from "./finding.ts";
import { fieldText, nothing, objectText, valueTexts } from "./finding-text.ts";
import { type GuardObject, objectName, writesOf } from "./guard-object.ts";
import { type InstalledImage, imagePath } from "./installed-image.ts";
import { installCommand, shellWord } from "./repairs.ts";
import type { SurveyedGuard } from "./survey.ts";

/** What of a guard is gone or changed: one finding for the whole object, or one for each field. */
export function guardFindings(guard: SurveyedGuard, place: MeshPlace, now: string): readonly Finding[] {
  const { wanted, found, isRequired, flags = [] } = guard;
  const repair = installCommand(place, ...flags);
  if (found) {
    return differences(wanted, found).map((one) => ({
      object: objectText(objectName(found)),
      field: fieldText(one.path),
      ...valueTexts(one.wanted, one.found),
      // What is missing is looked for where it was: of a list that is owned as one, its last writer took it out.
      ...traceOf(found, one.path, one.found === undefined ? wanted : found, now),
      repair,
    }));
  }
  if (!isRequired) return [];
  return [
    {
      object: objectText(objectName(wanted)),
      field: "",
      wanted: "as installed",
      found: nothing,
      since: { before: now },
      repair,
    },
  ];
}

/** New pods get another sidecar than the one that was installed. */
export function imageFindings({ wanted, instead }: InstalledImage, place: MeshPlace, now: string): readonly Finding[] {
  if (!instead || wanted === undefined) return [];
  const registry = registryOf(wanted);
  return [
    {
      object: objectText(objectName(instead)),
      field: fieldText(imagePath),
      ...valueTexts(wanted, valueAt(instead, imagePath)),
      ...traceOf(instead, imagePath, instead, now),
      // Without the flag an installation would take the registry of the image that it finds.
      repair: installCommand(place, ...(registry === undefined ? [] : [`--image-registry ${shellWord(registry)}`])),
    },
  ];
}

/** Who owns the field; else who wrote the object last, but for the installation itself. */
function traceOf(found: GuardObject, path: FieldPath, object: GuardObject, now: string): Pick<Finding, "by" | "since"> {
  const writes = writesOf(found);
  const others = newestFirst(writes.filter(({ manager }) => manager !== installManager));
  const write = writersOf(writes, path, object)[0] ?? others[0];
  const created = found.metadata["creationTimestamp"];
  return {
    ...(write?.manager ? { by: write.manager.slice(0, 128) } : {}),
    since: { ...(typeof created === "string" ? { after: created } : {}), before: (write && timeOf(write)) ?? now },
  };
}
