import { Document, LineCounter, parseDocument, type ScalarTag, type Tags, visit } from "yaml";
import { splitJson } from "./json-stream.ts";

/** One document of a YAML stream, or one JSON file. */
export interface ManifestDocument {
  /** As it stands, without the lines that separate it from others. */
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

/** A line of its own, and nothing but a comment behind it: what kubectl, too, takes for a separator. */
const separator = /^---[ \t]*(?:#.*)?$/;

/** Documents that say anything, comments included, in their order; of a JSON stream each value. */
export function splitDocuments(text: string): readonly ManifestDocument[] {
  const documents: { line: number; text: string }[] = [{ line: 1, text: "" }];
  for (const [at, line] of text.split(/(?<=\n)/).entries()) {
    const last = documents.at(-1);
    if (separator.test(line.trimEnd())) documents.push({ line: at + 2, text: "" });
    else if (last) last.text += line;
  }
  return documents.filter((document) => document.text.trim() !== "").flatMap(splitJson);
}

/** The documents in one stream again; each with a separator before it, so that none is taken for JSON as a whole. */
export function joinDocuments(texts: readonly string[]): string {
  return texts.map((text) => `---\n${text}${text.endsWith("\n") ? "" : "\n"}`).join("");
}

/** @returns the document's value, its large integers as bigint, undefined where it has only comments; or its first fault and where in the file that is */
export function parseManifest({
  text,
  line,
}: ManifestDocument): { readonly value: unknown } | { readonly fault: string } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: "1.1",
    customTags: asKubectl,
    intAsBigInt: true,
    lineCounter: lines,
    prettyErrors: false,
  });
  const [error] = document.errors;
  if (error) {
    const what = faultText(error.code, error.message, text);
    return { fault: `line ${line + lines.linePos(error.pos[0]).line - 1}: ${what}` };
  }
  try {
    return { value: document.contents === null ? undefined : (document.toJS({ reviver: safeNumber }) as unknown) };
  } catch (error) {
    // Aliases that grow beyond all bounds, or of what is not there.
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

function faultText(code: string, message: string, text: string): string {
  if (code === "MULTIPLE_DOCS") return "another document begins: put --- on a line of its own";
  if (text.trimStart().startsWith("%")) return "a directive: kubectl takes none, leave the line out";
  return message;
}

/** A number where it is exactly that; beyond, a JavaScript number would be another one than the manifest's. */
function safeNumber(_key: unknown, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** In a block scalar its blanks would be taken for indentation. */
const blankLine = /^[ \t]+$/m;

/** Every text that any reader of YAML could take for something else is quoted. */
export function printManifest(value: unknown): string {
  const document = new Document(value, { version: "1.1", compat: "core", aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value !== "string") return;
      if (blankLine.test(scalar.value) || isKubectlNumber(scalar.value)) scalar.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** What kubectl's library takes for a number and this one for a text: it strikes out every `_`, and knows prefixes in capitals and after a sign. */
function isKubectlNumber(text: string): boolean {
  if (!text.includes("_")) return prefixed.test(text);
  return /^[-+.0-9]/.test(text) && /^[-+]?\.?[0-9]/.test(text.replaceAll("_", ""));
}

const prefixed = /^[-+]?0(?:[oO][0-7]|X[0-9a-fA-F]|B[01])/;

/**
 * YAML as kubectl reads it: 1.1, with its `yes` and its octal `0644`, but no times and no numbers to base 60.
 *
 * @see go.yaml.in/yaml/v2, resolve.go
 */
function asKubectl(tags: Tags): Tags {
  const kept = tags.filter(
    (tag) => typeof tag === "string" || !(tag.tag === float.tag || tag.tag.endsWith(":timestamp") || isBase60(tag)),
  );
  return [...kept, integer, float];
}

function isBase60(tag: Exclude<Tags[number], string>): boolean {
  return "format" in tag && tag.format === "TIME";
}

const float: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  test: /^[-+]?(?:\.[0-9_]*[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$/,
  resolve: (text) => Number(text.replaceAll("_", "")),
};

/** Besides 1.1's own, whose prefixes are `0`, `0x` and `0b`. */
const integer: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?0(?:[oO][0-7]+|X[0-9a-fA-F]+|B[01]+)$/,
  resolve: (text) => {
    const amount = BigInt(text.replace(/^[-+]/, "").toLowerCase());
    return text.startsWith("-") ? -amount : amount;
  },
};
