import type { VpcConfigResponse } from "@aws-sdk/client-eks";

type Endpoint = Pick<
  VpcConfigResponse,
  "endpointPublicAccess" | "endpointPrivateAccess" | "publicAccessCidrs" | "clusterSecurityGroupId"
>;

/**
 * What to look at when nobody answers at a cluster's endpoint; the end of a sentence.
 *
 * @param endpoint  as DescribeCluster has it
 * @param isInVpc   whether the function is in a VPC of ours (parameter `subnetIds`)
 */
export function endpointAdvice(endpoint: Endpoint | undefined, isInVpc: boolean): string {
  const { endpointPublicAccess = true, endpointPrivateAccess = false, publicAccessCidrs: ranges = [] } = endpoint ?? {};
  const isForAll = ranges.length === 0 || ranges.includes("0.0.0.0/0");
  if (isInVpc && endpointPrivateAccess) {
    const group = endpoint?.clusterSecurityGroupId ?? "the cluster's";
    return `from the subnets of parameter subnetIds, is there DNS and a route to its VPC, and does security group ${group} let those of securityGroupIds in on port 443?`;
  }
  if (!endpointPublicAccess) {
    return "its endpoint is private and the function is in no VPC: deploy with parameters subnetIds and securityGroupIds";
  }
  if (isInVpc) {
    const nat = isForAll ? "a NAT gateway" : `a NAT gateway with an address in ${ranges.join(", ")}`;
    return `its endpoint is public: the subnets of parameter subnetIds need a route to ${nat}`;
  }
  if (isForAll) return "its endpoint is public: is the cluster well?";
  return `its endpoint lets in ${ranges.join(", ")} alone, and a function in no VPC has no address of its own: deploy with parameters subnetIds and securityGroupIds`;
}
