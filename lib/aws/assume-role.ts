import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity } from "@smithy/types";
import { EgressError } from "../errors.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import type { AssumedRole } from "./role-credentials.ts";

/** @throws EgressError `aws-forbidden`, `aws-unavailable` */
export async function assumeRole({ arn, region, externalId }: AssumedRole): Promise<AwsCredentialIdentity> {
  const client = new STSClient({ region, ...clientOptions });
  try {
    const { Credentials } = await client.send(
      // CloudTrail of the role's account shows the deployment's name as the session's.
      new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: externalId, ExternalId: externalId }),
    );
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) {
      throw new EgressError("aws-unavailable", `AssumeRole ${arn}: an answer without credentials`);
    }
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration: Expiration,
    };
  } catch (cause) {
    if (cause instanceof EgressError) throw cause;
    throw awsFailure(`AssumeRole ${arn} with external id ${externalId}`, cause);
  } finally {
    client.destroy();
  }
}
