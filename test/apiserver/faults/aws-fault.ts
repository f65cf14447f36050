import type { Meet } from "#test/faults/proxy/fault.ts";

/** Every call to AWS that the functions and the forwarder make. */
export type AwsCallName =
  | "ListClusters"
  | "DescribeCluster"
  | "ChangeMessageVisibility"
  | "PutEvents"
  | "SendMessage"
  | "GetSecretValue";

export interface AwsCall {
  readonly atMs: number;
  readonly name: AwsCallName;
  /** The access key it was signed with. */
  readonly sender: string;
}

/** What befalls one call. Before: AWS does not hear of it; after: it was carried out. */
export type AwsFault =
  | { readonly kind: "error"; readonly status: number; readonly code: string }
  | { readonly kind: "reset"; readonly when: "before" | "after" }
  /** Nobody ever answers. */
  | { readonly kind: "hang"; readonly when: "before" | "after" }
  /** PutEvents answers 200, but these entries, counted from 0, are not in. */
  | { readonly kind: "entries"; readonly failed: readonly number[]; readonly code: string }
  /** PutEvents answers 200 with an id for every entry, and no entry comes anywhere: so it is where there is no such bus. */
  | { readonly kind: "swallowed" }
  | { readonly kind: "meet"; readonly when: "before" | "after"; readonly meet: Meet };

export type AwsFaults = (call: AwsCall) => AwsFault | undefined;

/** The SDK makes of one call so many, where another try may better it. */
export const sdkTries = 3;

/** The first so many calls of this name, by whomever. */
export function first(count: number, name: AwsCallName, fault: AwsFault): AwsFaults {
  let seen = 0;
  return (call) => (call.name === name && ++seen <= count ? fault : undefined);
}

/** Errors as each service has them: EventBridge and SQS speak JSON, EKS tells its errors in a header. */
export function errorsOf(name: AwsCallName): readonly AwsFault[] {
  const error = (status: number, code: string): AwsFault => ({ kind: "error", status, code });
  switch (name) {
    case "ListClusters":
    case "DescribeCluster":
      return [
        error(429, "ThrottlingException"),
        error(500, "ServerException"),
        error(503, "ServiceUnavailableException"),
        error(403, "ExpiredTokenException"),
      ];
    case "PutEvents":
      return [
        error(400, "ThrottlingException"),
        error(500, "InternalException"),
        error(503, "ServiceUnavailable"),
        error(400, "ExpiredTokenException"),
      ];
    case "GetSecretValue":
      return [
        error(400, "ThrottlingException"),
        error(500, "InternalServiceError"),
        error(503, "ServiceUnavailable"),
        error(400, "ExpiredTokenException"),
      ];
    case "ChangeMessageVisibility":
    case "SendMessage":
      return [
        error(403, "RequestThrottled"),
        error(500, "InternalFailure"),
        error(503, "ServiceUnavailable"),
        error(403, "ExpiredToken"),
      ];
  }
}

/** An answer that says so. */
export function errorAnswer(name: AwsCallName, { status, code }: { readonly status: number; readonly code: string }) {
  const isQueue = name === "ChangeMessageVisibility" || name === "SendMessage";
  const isEks = name === "ListClusters" || name === "DescribeCluster";
  return {
    status,
    headers: {
      ...(isEks ? { "x-amzn-errortype": code } : {}),
      ...(isQueue ? { "x-amzn-query-error": `${code};${status < 500 ? "Sender" : "Receiver"}` } : {}),
    },
    body: isEks ? { message: code } : { __type: code, message: `the test answers ${code}` },
  };
}
