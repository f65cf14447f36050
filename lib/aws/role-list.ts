import * as z from "zod";

const roleArn = /^arn:aws[a-z-]*:iam::(\d{12}):role\/[\w+=.@/-]+$/;

/** The account that a role is in; undefined where the text is no role's ARN. */
export function accountOfRole(arn: string): string | undefined {
  return roleArn.exec(arn)?.[1];
}

/** ARNs of IAM roles, comma-separated; none where the text is empty. A role whose name has a comma cannot be given. */
export const roleList = z.string().transform((text, context) => {
  const arns = text.split(",").map((part) => part.trim());
  if (arns.length === 1 && arns[0] === "") return [];
  for (const arn of arns) {
    if (accountOfRole(arn) === undefined) context.addIssue(`${JSON.stringify(arn)} is not the ARN of an IAM role`);
  }
  return arns;
});

/** The roles by which clusters of other accounts are found and reached: the ARN of each account's one. */
export type FleetRoles = ReadonlyMap<string, string>;

/** Two for one account would be two ways to one cluster, and in its own account the function is what it is. */
export function fleetRolesOf(arns: readonly string[], ownAccount: string, fault: (text: string) => void): FleetRoles {
  const roles = new Map<string, string>();
  for (const arn of arns) {
    const account = accountOfRole(arn) ?? "";
    if (account === ownAccount) fault(`${arn} is of the stack's own account`);
    if (roles.has(account)) fault(`two roles of account ${account}`);
    roles.set(account, arn);
  }
  return roles;
}
