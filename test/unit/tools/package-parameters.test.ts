import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { diagnosticsOf } from "../../../tools/package/diagnostics.ts";
import { faultsOf } from "../../../tools/package/faults.ts";
import { packageStack, type Resource, type Template } from "../../../tools/package/template.ts";
import { resolved } from "./resolved.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

interface Packaged {
  readonly path: string;
  readonly template: Template;
}

const fleetRoles = ["arn:aws:iam::222233334444:role/fleet", "arn:aws:iam::333344445555:role/fleet"];
const clusterRoles = ["arn:aws:iam::222233334444:role/bank"];
const fleetForwarders = ["arn:aws:iam::222233334444:role/osm-forwarder", "arn:aws:iam::333344445555:role/f"];
const everything = {
  fleetRoles: fleetRoles.join(),
  clusterRoles: clusterRoles.join(),
  fleetForwarders: fleetForwarders.join(),
  subnetIds: "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
  securityGroupIds: "sg-0123456789abcdef0",
  webhookConcurrency: "0",
};

let directory = "";
let plain: Packaged;
let full: Packaged;

const packaged = (name: string, parameters: Readonly<Record<string, string>>): Promise<Packaged> =>
  packageStack(join(directory, name), {
    stage: "prod",
    region: "eu-central-1",
    parameters: { cluster: "shop", ...parameters },
  });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "osm-parameters-"));
  // One after the other: each builds the bundles.
  plain = await packaged("plain", {});
  full = await packaged("full", everything);
}, 240_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

const resource = ({ template }: Packaged, id: string): Resource => resolved(template, id);

function statements(stack: Packaged, role: string, action: string): readonly Statement[] {
  const policies = resource(stack, role).Properties?.["Policies"] as readonly {
    readonly PolicyDocument: { readonly Statement: readonly Statement[] };
  }[];
  return policies
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .filter(({ Action }) => [Action].flat().some((one) => one.startsWith(action)));
}

test.each([
  ["no parameter but the cluster", () => plain],
  ["every one of a fleet's", () => full],
])("with %s the template has no fault that either check knows", (_, stack) => {
  const { path, template } = stack();
  expect([...diagnosticsOf(path), ...faultsOf(template)]).toEqual([]);
});

describe("roles of other accounts", () => {
  test("none named: nobody may assume any", () => {
    expect(statements(plain, "ReconcileRole", "sts:")).toEqual([]);
    expect(statements(plain, "CheckDriftRole", "sts:")).toEqual([]);
  });

  test("the fleet's are for both functions, the clusters' for the one that speaks to clusters; no other role is", () => {
    const allow = (Resource: readonly string[]) => ({ Effect: "Allow", Action: "sts:AssumeRole", Resource });
    expect(statements(full, "ReconcileRole", "sts:")).toEqual([allow(fleetRoles), allow(clusterRoles)]);
    expect(statements(full, "CheckDriftRole", "sts:")).toEqual([allow(fleetRoles)]);
    for (const role of ["GitopsWebhookRole", "ForwardAuditLogRole"]) expect(statements(full, role, "sts:")).toEqual([]);
  });

  test("the functions are told the same", () => {
    const variables = (id: string) => {
      const environment = resource(full, id).Properties?.["Environment"] as { readonly Variables: object } | undefined;
      return environment?.Variables;
    };
    const account = { OSM_ACCOUNT_ID: { Ref: "AWS::AccountId" }, OSM_FLEET_ROLES: fleetRoles.join() };
    expect(variables("ReconcileLambdaFunction")).toMatchObject({
      ...account,
      OSM_CLUSTER_ROLES: clusterRoles.join(),
      OSM_SUBNET_IDS: "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    });
    expect(variables("CheckDashdriftLambdaFunction")).toMatchObject(account);
  });

  test("forwarders of other accounts may put a forwarder's events, and nobody else of there anything", () => {
    const policy = (stack: Packaged) => {
      const document = resource(stack, "Bus").Properties?.["Policy"] as
        | { readonly Statement: readonly (Statement & { readonly Sid: string })[] }
        | undefined;
      return document?.Statement ?? [];
    };
    expect(policy(plain).filter(({ Effect }) => Effect === "Allow")).toEqual([]);
    expect(policy(full).filter(({ Effect }) => Effect === "Allow")).toMatchObject([
      {
        Action: "events:PutEvents",
        Condition: {
          StringEquals: { "events:source": "osm.forwarder" },
          ArnEquals: { "aws:PrincipalArn": fleetForwarders },
        },
      },
    ]);
    const own = { "Fn::Sub": expect.stringContaining(":role/osm-egress-prod-forwarder") };
    const letOff = (stack: Packaged) => policy(stack).find(({ Sid }) => Sid === "OnlyTheForwarder")?.Condition;
    expect(letOff(plain)).toMatchObject({ ArnNotEquals: { "aws:PrincipalArn": own } });
    expect(letOff(full)).toMatchObject({
      // CloudFormation joins before it splits.
      ArnNotEquals: {
        "aws:PrincipalArn": { "Fn::Split": [",", { "Fn::Join": [",", [own, fleetForwarders.join()]] }] },
      },
    });
  });
});

describe("a list of roles", () => {
  const first = fleetForwarders[0] ?? "";
  test.each([
    [`${first}, ${first}`, [` ${first}`]],
    [`${first},`, [""]],
    ["arn:aws:iam::222233334444:role/*", ["arn:aws:iam::222233334444:role/*"]],
    ["osm-forwarder", ["osm-forwarder"]],
    [first, []],
  ])("%j: what is a fault of it is %j", (list, odd) => {
    const text = JSON.stringify(full.template).replaceAll(JSON.stringify(fleetForwarders.join()), JSON.stringify(list));
    expect(faultsOf(JSON.parse(text) as Template)).toEqual(
      odd.map((part) => `"${part}" is no role, subnet or security group: lists have commas and no spaces`),
    );
  });
});

describe("a VPC", () => {
  const functions = ({ template }: Packaged) =>
    Object.entries(template.Resources).flatMap(([id, { Type }]) => (Type === "AWS::Lambda::Function" ? [id] : []));
  const vpcOf = (stack: Packaged, id: string) => resource(stack, id).Properties?.["VpcConfig"];

  test("not asked for: no function is in one, and none may make network interfaces", () => {
    expect(functions(plain).map((id) => vpcOf(plain, id))).toEqual([undefined, undefined, undefined, undefined]);
    expect(statements(plain, "ReconcileRole", "ec2:")).toEqual([]);
  });

  test("asked for: it is for the function that speaks to clusters, and no other", () => {
    const inVpc = functions(full).filter((id) => vpcOf(full, id) !== undefined);
    expect(inVpc).toEqual(["ReconcileLambdaFunction"]);
    expect(vpcOf(full, "ReconcileLambdaFunction")).toEqual({
      SubnetIds: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
      SecurityGroupIds: ["sg-0123456789abcdef0"],
    });
  });

  test("its interfaces are Lambda's to make, not the function's own code's", () => {
    const [interfaces, ...more] = statements(full, "ReconcileRole", "ec2:");
    expect(more).toEqual([]);
    expect(interfaces).toMatchObject({ Condition: { Null: { "lambda:SourceFunctionArn": "true" } } });
    for (const role of ["CheckDriftRole", "GitopsWebhookRole", "ForwardAuditLogRole"]) {
      expect(statements(full, role, "ec2:")).toEqual([]);
    }
  });

  const split = (list: string) => ({ "Fn::Split": [",", list] });
  test.each<readonly [string, (config: Record<string, unknown>) => void]>([
    ["subnets without security groups", (config) => Object.assign(config, { SecurityGroupIds: split("") })],
    ["security groups without subnets", (config) => Object.assign(config, { SubnetIds: split("") })],
  ])("%s are a fault", (_, change) => {
    const copy = structuredClone(full.template) as Template;
    const properties = copy.Resources["ReconcileLambdaFunction"]?.Properties as {
      readonly VpcConfig: { readonly "Fn::If": readonly [string, Record<string, unknown>] };
    };
    change(properties.VpcConfig["Fn::If"][1]);
    expect(faultsOf(copy)).toEqual([
      "ReconcileLambdaFunction: parameters subnetIds and securityGroupIds need each other",
    ]);
  });
});

test("what is reserved for the webhook: five by default, with 0 nothing at all", () => {
  const reserved = (stack: Packaged) =>
    resource(stack, "GitopsDashwebhookLambdaFunction").Properties?.["ReservedConcurrentExecutions"];
  expect(reserved(plain)).toBe("5");
  // A reservation of 0 would switch it off.
  expect(reserved(full)).toBeUndefined();
});
