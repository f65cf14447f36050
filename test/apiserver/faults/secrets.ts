import type { Child } from "./child.ts";

/** What nobody may read in a log: a secret key, a signature, a token. Found in everything that a process has said. */
const secret = /of-the-test|X-Amz-Signature=|k8s-aws-v1\.|Signature=[0-9a-f]{8}|Bearer /;

/** Lines of its log with a secret in them. */
export function secretsIn({ log, said }: Child): readonly string[] {
  return [...log.map((line) => JSON.stringify(line)), ...said].filter((line) => secret.test(line));
}
