import type { ManifestDocument } from "./kubectl-yaml.ts";

/** A text in JSON, or a brace outside of them. */
const token = /"(?:[^"\\]|\\.)*"|[{}]/gs;

/**
 * JSON objects that stand one after the other without a separator, as `jq` prints them and kubectl reads them.
 *
 * @returns each object as a document; what is anything else, flow style of YAML included, as it is
 */
export function splitJson(document: ManifestDocument): readonly ManifestDocument[] {
  const { text, line } = document;
  if (!text.trimStart().startsWith("{")) return [document];
  const ends = [0, ...objectEnds(text)];
  const objects = ends.slice(1).map((end, at) => {
    const before = text.slice(0, end).length - text.slice(ends[at], end).trimStart().length;
    return { text: text.slice(before, end), line: line + text.slice(0, before).split("\n").length - 1 };
  });
  const isStream = objects.length > 1 && text.slice(ends.at(-1)).trim() === "" && objects.every(isJson);
  return isStream ? objects : [document];
}

/** The places behind objects that are in no other. */
function objectEnds(text: string): readonly number[] {
  const ends: number[] = [];
  let depth = 0;
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found === "{") depth += 1;
    if (found !== "}") continue;
    depth -= 1;
    if (depth === 0) ends.push(index + 1);
  }
  return ends;
}

function isJson({ text }: ManifestDocument): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
