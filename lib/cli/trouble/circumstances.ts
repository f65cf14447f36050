import type { ContextChoice } from "../../kube/kubeconfig.ts";
import type { KubeconfigPlace } from "../../kube/kubeconfig-place.ts";

/** What a failure's words need to know besides the failure. */
export interface Circumstances {
  /** As typed, without arguments: `osm namespace add`. */
  readonly command: string;
  /** What the command line said about the cluster. */
  readonly choice: ContextChoice;
  /** Asked only where the words are about it; undefined for commands that speak to no cluster. */
  readonly place: () => KubeconfigPlace | undefined;
}

/** For a person: what is wrong and where, and what to do about it. */
export interface Words {
  readonly what: string;
  readonly remedy?: string;
}

/** `kubectl` for the same cluster as the command's. */
export function kubectl({ choice }: Circumstances): string {
  const kubeconfig = choice.kubeconfig === undefined ? [] : ["--kubeconfig", shellWord(choice.kubeconfig)];
  const context = choice.context === undefined ? [] : ["--context", shellWord(choice.context)];
  return ["kubectl", ...kubeconfig, ...context].join(" ");
}

/** Which file and context that was. */
export function placeText(place: KubeconfigPlace | undefined): string {
  if (!place) return "";
  if (place.files.length === 0) return " (the pod's service account)";
  return ` (context ${place.context}, user ${place.user || "none"}, in ${place.files.join(" and ")})`;
}

/** Quoted where a shell would read more into it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
