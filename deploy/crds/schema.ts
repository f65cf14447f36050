import type { KubeObject } from "#lib/kube/objects.ts";
import { apiGroup } from "#lib/mesh/names.ts";

/** An OpenAPI v3 schema, as CustomResourceDefinitions carry it. */
export type Schema = { readonly [field: string]: unknown };

export function object(properties: Readonly<Record<string, Schema>>, rest: Schema = {}): Schema {
  return { type: "object", properties, ...rest };
}

export function text(maxLength: number, rest: Schema = {}): Schema {
  return { type: "string", maxLength, ...rest };
}

export function oneOf(values: readonly string[], rest: Schema = {}): Schema {
  return { type: "string", enum: values, ...rest };
}

export function list(items: Schema, maxItems: number, rest: Schema = {}): Schema {
  return { type: "array", items, maxItems, ...rest };
}

export const time: Schema = { type: "string", format: "date-time" };
/** Not negative. */
export const count: Schema = { type: "integer", format: "int64", minimum: 0 };
export const flag: Schema = { type: "boolean" };

interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly hasStatus: boolean;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly jsonPath: string }[];
  readonly schema: Schema;
}

/** A namespaced CustomResourceDefinition of one version, v1alpha1. */
export function customResourceDefinition(definition: Definition): KubeObject {
  const { kind, plural } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      scope: "Namespaced",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(definition.shortNames ? { shortNames: definition.shortNames } : {}),
        categories: ["osm"],
      },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          ...(definition.hasStatus ? { subresources: { status: {} } } : {}),
          additionalPrinterColumns: definition.columns,
          schema: { openAPIV3Schema: definition.schema },
        },
      ],
    },
  };
}
