import type { AwsCredentialIdentityProvider } from "@smithy/types";

export interface AssumedRole {
  readonly arn: string;
  readonly region: string;
  /** The deployment's name, which the role's trust policy asks for: a role that trusts one stage serves no other. */
  readonly externalId: string;
}

/**
 * Credentials of a role for an hour, assumed anew at each call; an SDK client keeps them for as long as they are good.
 *
 * @throws EgressError when called: `aws-forbidden` where the role's trust policy or our own role does not allow it
 */
export function roleCredentials(role: AssumedRole): AwsCredentialIdentityProvider {
  return async () => {
    // Most deployments assume no role: their cold starts do not read the client.
    const { assumeRole } = await import("./assume-role.ts");
    return assumeRole(role);
  };
}
