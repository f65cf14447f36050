import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

/** serverless.yml as it is written, before Serverless has put its parameters in; as far as it is read here. */
export interface ServerlessFile {
  readonly resources: {
    readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: unknown }>>;
  };
}

/** CloudFormation's functions, as their arguments. */
const customTags = [
  ...["!Sub", "!Ref", "!GetAtt"].map((tag) => ({ tag, resolve: (argument: string) => argument })),
  ...["!Equals", "!If", "!Not", "!Split", "!Join"].map((tag) => ({ tag, collection: "seq" as const })),
];

export async function readServerlessFile<T = ServerlessFile>(): Promise<T> {
  const text = await readFile(join(import.meta.dirname, "../../serverless.yml"), "utf8");
  return parse(text, { customTags, merge: true }) as T;
}
