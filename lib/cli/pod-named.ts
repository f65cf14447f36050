import { CommandError } from "./failure.ts";

export interface NamedPod {
  readonly namespace: string;
  readonly name: string;
}

/**
 * `shop/web-1`, or `web-1` alone.
 *
 * @param namespace        as -n says
 * @param otherNamespace   of a pod about whose namespace nothing is said: the context's
 * @throws CommandError where it is no pod's name, or the namespace is told twice and differently
 */
export function podNamed(text: string, namespace: string | undefined, otherNamespace: () => string): NamedPod {
  const parts = text.split("/");
  const [first = "", second] = parts;
  if (parts.length > 2 || parts.includes("") || namespace === "") {
    throw new CommandError(
      `${JSON.stringify(text)} is not the name of a pod`,
      "give NAMESPACE/POD, or POD with -n NAMESPACE",
    );
  }
  if (second === undefined) return { namespace: namespace ?? otherNamespace(), name: first };
  if (namespace !== undefined && namespace !== first) {
    throw new CommandError(
      `pod ${text} and -n ${namespace}: two namespaces for one pod`,
      `leave one of them out: ${text}, or ${second} -n ${namespace}`,
    );
  }
  return { namespace: first, name: second };
}
