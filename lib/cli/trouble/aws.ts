import type { Words } from "./circumstances.ts";

/** A call to AWS that failed, by the SDK's own words. */
export function awsWords(said: string): Words {
  const found = kinds.find(({ says }) => says.test(said));
  return { what: said, remedy: (found ?? others).remedy };
}

const others = { remedy: "try again later; what AWS says of itself: https://health.aws.amazon.com" };

const kinds: readonly { readonly says: RegExp; readonly remedy: string }[] = [
  { says: /Region is missing/, remedy: "give --region, or set AWS_REGION" },
  {
    says: /CredentialsProviderError|Could not load credentials|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch/,
    remedy: "log in (aws sso login, or AWS_PROFILE), then see who you are: aws sts get-caller-identity",
  },
  {
    says: /AccessDenied|NotAuthorized/,
    remedy:
      "use AWS credentials that have the right that is named above: aws sts get-caller-identity says whose these are",
  },
  {
    says: /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|TimeoutError/,
    remedy: "is --region one of AWS's, and is there a way to AWS from here (proxy, VPN)? aws sts get-caller-identity",
  },
];
