import * as z from "zod";
import type { InjectionNamespace } from "../../mesh/injection-rule.ts";
import { objectsIn } from "./objects.ts";

const texts = z.record(z.string(), z.string()).nullish();
const namespace = z.looseObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Namespace"),
  metadata: z.looseObject({ name: z.string(), labels: texts, annotations: texts }),
});

/**
 * Namespaces that come with the manifests, by name. What the API server would refuse as a Namespace is none.
 *
 * @param values  documents, Lists among them
 */
export function namespacesIn(values: readonly unknown[]): ReadonlyMap<string, InjectionNamespace> {
  const found = values.flatMap(objectsIn).flatMap((object) => {
    const parsed = namespace.safeParse(object);
    return parsed.success ? [parsed.data.metadata] : [];
  });
  return new Map(
    found.map(({ name, labels, annotations }) => [
      name,
      { name, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    ]),
  );
}

/** As it will be once the manifests are applied: what they say of it comes over what the cluster has. */
export function applied(
  there: InjectionNamespace | undefined,
  brought: InjectionNamespace | undefined,
): InjectionNamespace | undefined {
  if (there === undefined || brought === undefined) return there ?? brought;
  return {
    name: there.name,
    labels: { ...there.labels, ...brought.labels },
    annotations: { ...there.annotations, ...brought.annotations },
  };
}
