import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { LineCounter, parseDocument } from "yaml";
import { kubeconfigVariable } from "./settings.ts";

/** Why a kubeconfig cannot be used, found before anybody was asked. Its words never quote the file, which holds secrets. */
export interface KubeconfigFault {
  /** What is wrong, and in which file. */
  readonly what: string;
  readonly remedy: string;
}

export type Loaded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: KubeconfigFault };

/** How one gets a file that is right, whatever is wrong with this one. */
const writeAnew = "EKS writes one: aws eks update-kubeconfig --name CLUSTER";

/** The files that kubectl would read, the first before the others; empty where there is none. */
export function kubeconfigFiles(chosen: string | undefined): Loaded<readonly string[]> {
  if (chosen !== undefined) return { ok: true, value: [chosen] };
  const listed = kubeconfigVariable()
    .split(delimiter)
    .filter((file) => file !== "");
  const found = listed.filter((file) => existsSync(file));
  if (listed.length > 0 && found.length === 0) {
    const what = `$KUBECONFIG names ${listed.join(" and ")}, which ${listed.length === 1 ? "does" : "do"} not exist`;
    return faulty(what, `set it to a file that is there, or give --kubeconfig FILE; ${writeAnew}`);
  }
  if (found.length > 0) return { ok: true, value: found };
  const usual = join(homedir(), ".kube", "config");
  return { ok: true, value: existsSync(usual) ? [usual] : [] };
}

/** Where there are no files and no pod's service account. */
export const noKubeconfig: KubeconfigFault = {
  what: "there is no kubeconfig: $KUBECONFIG is not set, and ~/.kube/config does not exist",
  remedy: `give --kubeconfig FILE; ${writeAnew}`,
};

export function loadKubeconfigFile(file: string): Loaded<KubeConfig> {
  const text = textOf(file);
  if (!text.ok) return text;
  const malformed = yamlFault(file, text.value);
  if (malformed !== undefined) return { ok: false, fault: malformed };
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (cause) {
    return { ok: false, fault: contentFault(file, cause) };
  }
  return { ok: true, value: config };
}

function textOf(file: string): Loaded<string> {
  try {
    return { ok: true, value: readFileSync(file, "utf8") };
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT") {
      return faulty(`kubeconfig ${file} does not exist`, `give another with --kubeconfig or $KUBECONFIG; ${writeAnew}`);
    }
    return faulty(`kubeconfig ${file} cannot be read: ${code}`, `see what and whose it is: ls -ld ${file}`);
  }
}

/** Line and kind of fault, since the parser's own message quotes the line. */
function yamlFault(file: string, text: string): KubeconfigFault | undefined {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter });
  const [error] = document.errors;
  if (error) {
    const { line } = lineCounter.linePos(error.pos[0]);
    return {
      what: `kubeconfig ${file}, line ${line}: this is not YAML (${error.code})`,
      remedy: `put that line right, or have the file written anew; ${writeAnew}`,
    };
  }
  if (document.contents !== null && "items" in document.contents) return undefined;
  return { what: `kubeconfig ${file} has no clusters and no contexts in it`, remedy: writeAnew };
}

function contentFault(file: string, cause: unknown): KubeconfigFault {
  const { path } = cause as { readonly path?: unknown };
  if (typeof path === "string") {
    return {
      what: `kubeconfig ${file} names ${path}, which cannot be read: ${codeOf(cause)}`,
      remedy: `see whether it is there: ls -l ${path}`,
    };
  }
  // client-node's own words name the field that is missing; those of its YAML parser quote the file.
  const isQuoting = cause instanceof Error && cause.name === "YAMLException";
  const why = !isQuoting && cause instanceof Error ? `: ${cause.message}` : "";
  return { what: `kubeconfig ${file} is not complete${why}`, remedy: `have it written anew; ${writeAnew}` };
}

function codeOf(cause: unknown): string {
  const { code } = cause as { readonly code?: unknown };
  return typeof code === "string" ? code : String(cause);
}

function faulty(what: string, remedy: string): { readonly ok: false; readonly fault: KubeconfigFault } {
  return { ok: false, fault: { what, remedy } };
}
