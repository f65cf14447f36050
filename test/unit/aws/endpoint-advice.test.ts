import { expect, test } from "vitest";
import { endpointAdvice } from "#lib/aws/endpoint-advice.ts";

const everywhere = ["0.0.0.0/0"];
const office = ["192.0.2.0/24"];

test.each<readonly [publicly: boolean, privately: boolean, ranges: readonly string[], isInVpc: boolean, RegExp]>([
  [true, false, everywhere, false, /^its endpoint is public: is the cluster well\?$/],
  [true, true, everywhere, false, /^its endpoint is public: is the cluster well\?$/],
  [true, false, office, false, /^its endpoint lets in 192\.0\.2\.0\/24 alone.*subnetIds and securityGroupIds$/],
  [true, true, office, false, /^its endpoint lets in 192\.0\.2\.0\/24 alone.*subnetIds and securityGroupIds$/],
  [false, true, everywhere, false, /^its endpoint is private.*in no VPC.*subnetIds and securityGroupIds$/],
  [false, true, everywhere, true, /subnetIds, is there DNS and a route.*security group sg-1 let.*on port 443\?$/],
  [true, true, office, true, /subnetIds, is there DNS and a route.*security group sg-1 let.*on port 443\?$/],
  [true, false, everywhere, true, /^its endpoint is public: the subnets.*NAT gateway$/],
  [true, false, office, true, /^its endpoint is public: the subnets.*NAT gateway with an address in 192\.0\.2\.0\/24$/],
])("public %j, private %j, from %j, in a VPC %j", (publicly, privately, ranges, isInVpc, advice) => {
  const endpoint = {
    endpointPublicAccess: publicly,
    endpointPrivateAccess: privately,
    publicAccessCidrs: [...ranges],
    clusterSecurityGroupId: "sg-1",
  };
  expect(endpointAdvice(endpoint, isInVpc)).toMatch(advice);
});

test("nothing known of the endpoint", () => {
  expect(endpointAdvice(undefined, false)).toBe("its endpoint is public: is the cluster well?");
});
