import { booleanSpellings, parseBoolean } from "./boolean.ts";
import { cidrsWanted, parseCidrs, parsePorts, portsWanted } from "./exclusions.ts";
import { annotations } from "./names.ts";
import { quoted } from "./osm-config.ts";

type Texts = Readonly<Record<string, string>>;

/** What a pod's own annotations change of its capture. */
export interface PodCapture {
  /** CIDRs as they were written, besides the mesh's. */
  readonly excludedRanges: readonly string[];
  /** Ports, besides the mesh's. */
  readonly excludedPorts: readonly number[];
  /** UDP over IPv4 is not refused. */
  readonly allowUdp: boolean;
}

/** Of each list; the API server evaluates it within a budget. */
export const podListLimits = { maxItems: 64, maxLength: 1_280 } as const;

/** What each annotation accepts, in words for the person who wrote something else. */
export const podCaptureWanted = {
  [annotations.excludedRanges]: cidrsWanted(podListLimits.maxItems),
  [annotations.excludedPorts]: portsWanted(podListLimits.maxItems),
  [annotations.allowUdp]: `a boolean, one of ${booleanSpellings.join(" ")}`,
} as const;

/**
 * Reads a pod's annotations as the API server does at its creation (deploy/injection). Absent ones and empty texts change
 * nothing.
 *
 * @returns one problem for each annotation that cannot be used, in words for its author
 */
export function podCapture(given: Texts): PodCapture | { readonly problems: readonly string[] } {
  const problems: string[] = [];

  function read<T>(key: keyof typeof podCaptureWanted, whenAbsent: T, parse: (text: string) => T | undefined): T {
    const text = given[key] ?? "";
    if (text === "") return whenAbsent;
    const parsed = parse(text);
    if (parsed === undefined) problems.push(badAnnotation(key, text));
    return parsed ?? whenAbsent;
  }

  const capture: PodCapture = {
    excludedRanges: read(annotations.excludedRanges, [], (text) => itemsOf(text, parseCidrs)),
    excludedPorts: read(annotations.excludedPorts, [], (text) => itemsOf(text, parsePorts)?.map(Number)),
    allowUdp: read(annotations.allowUdp, false, parseBoolean),
  };
  return problems.length > 0 ? { problems } : capture;
}

function badAnnotation(key: keyof typeof podCaptureWanted, text: string): string {
  return `annotation ${key}: must be ${podCaptureWanted[key]}, got ${quoted(text)}`;
}

/** As they stand, so that whoever renders them renders the same; undefined where one of them is none. */
function itemsOf(text: string, parse: (text: string) => object): readonly string[] | undefined {
  if (text.trim() === "") return [];
  const items = text.split(",").map((item) => item.trim());
  const isShort = text.length <= podListLimits.maxLength && items.length <= podListLimits.maxItems;
  return isShort && "items" in parse(text) ? items : undefined;
}
