import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { checkDriftSettings, reconcileSettings } from "#lib/aws/settings.ts";

const env = {
  AWS_REGION: "eu-central-1",
  OSM_EVENT_BUS_NAME: "osm-egress-test",
  OSM_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/1/q",
  OSM_DEAD_LETTER_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/1/d",
  OSM_VISIBILITY_SECONDS: "75",
  OSM_LEASE_SECONDS: "20",
  OSM_DEADLINE_SECONDS: "30",
  OSM_CLUSTER_NAME: "shop",
  OSM_ACCOUNT_ID: "111122223333",
  OSM_FLEET_ROLES: "",
  OSM_CLUSTER_ROLES: "",
  OSM_SUBNET_IDS: "",
};
const drift = {
  AWS_REGION: env.AWS_REGION,
  OSM_EVENT_BUS_NAME: "b",
  OSM_ACCOUNT_ID: env.OSM_ACCOUNT_ID,
  OSM_FLEET_ROLES: "",
};

test("a whole environment is read", () => {
  expect(reconcileSettings(env)).toEqual({
    region: "eu-central-1",
    account: "111122223333",
    busName: "osm-egress-test",
    queueUrl: env.OSM_QUEUE_URL,
    deadLetterUrl: env.OSM_DEAD_LETTER_QUEUE_URL,
    visibilitySeconds: 75,
    leaseSeconds: 20,
    podDeadlineMs: 30_000,
    ownClusters: ["shop"],
    fleetRoles: new Map(),
    clusterRoles: [],
    isInVpc: false,
    place: { meshName: "osm", osmNamespace: "osm-system" },
  });
  expect(checkDriftSettings({ ...drift, OSM_CLUSTER_NAME: "shop" })).toEqual({
    region: "eu-central-1",
    busName: "b",
    clusters: ["shop"],
    fleetRoles: new Map(),
  });
  expect(checkDriftSettings({ ...drift, OSM_CLUSTER_NAME: "" }).clusters).toEqual([]);
});

test("the mesh's place can be another than the usual one", () => {
  const elsewhere = { ...env, OSM_MESH_NAME: "second", OSM_NAMESPACE: "second-system" };
  expect(reconcileSettings(elsewhere).place).toEqual({ meshName: "second", osmNamespace: "second-system" });
});

test("the deployment's parameters say where, and default to the usual place", () => {
  const text = readFileSync(new URL("../../../serverless.yml", import.meta.url), "utf8");
  const service = parse(text, { logLevel: "silent" });
  expect(service.params.default).toMatchObject({ meshName: "osm", osmNamespace: "osm-system" });
  expect(service.functions.reconcile.environment).toMatchObject({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Serverless fills it in.
    OSM_MESH_NAME: "${param:meshName}",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Serverless fills it in.
    OSM_NAMESPACE: "${param:osmNamespace}",
  });
});

test.each(["OSM_MESH_NAME", "OSM_NAMESPACE"])("an empty %s is refused", (name) => {
  expect(() => reconcileSettings({ ...env, [name]: "" })).toThrow(name);
});

test("every fault is in one error", () => {
  const faulty = { ...env, AWS_REGION: "", OSM_QUEUE_URL: "q", OSM_VISIBILITY_SECONDS: "soon" };
  expect(() => reconcileSettings(faulty)).toThrow(
    /^\[settings-invalid\] environment: AWS_REGION: .+; OSM_QUEUE_URL: .+; OSM_VISIBILITY_SECONDS: .+$/,
  );
});

test.each(["0", "-1", "1.5", "43201", ""])("a visibility of %j is refused", (seconds) => {
  expect(() => reconcileSettings({ ...env, OSM_VISIBILITY_SECONDS: seconds })).toThrow(/OSM_VISIBILITY_SECONDS/);
});

test.each([
  ["OSM_LEASE_SECONDS", ["0", "21", "2.5", ""]],
  ["OSM_DEADLINE_SECONDS", ["0", "46", "soon", ""]],
])("%s is refused as any of %j", (name, wrong) => {
  for (const seconds of wrong) expect(() => reconcileSettings({ ...env, [name]: seconds })).toThrow(name);
});

test("a cluster's name that is none is refused", () => {
  expect(() => checkDriftSettings({ ...drift, OSM_CLUSTER_NAME: "a.b" })).toThrow(
    /^\[settings-invalid\] environment: OSM_CLUSTER_NAME/,
  );
});

const roleOf = (account: string, name = "fleet") => `arn:aws:iam::${account}:role/${name}`;

test("a fleet's roles are known by their accounts, a cluster's as they are", () => {
  const OSM_FLEET_ROLES = `${roleOf("222233334444")}, ${roleOf("333344445555", "path/of/fleet")}`;
  const fleetRoles = new Map([
    ["222233334444", roleOf("222233334444")],
    ["333344445555", roleOf("333344445555", "path/of/fleet")],
  ]);
  expect(checkDriftSettings({ ...drift, OSM_CLUSTER_NAME: "", OSM_FLEET_ROLES }).fleetRoles).toEqual(fleetRoles);
  const OSM_CLUSTER_ROLES = "arn:aws-us-gov:iam::111122223333:role/a";
  expect(reconcileSettings({ ...env, OSM_FLEET_ROLES, OSM_CLUSTER_ROLES })).toMatchObject({
    fleetRoles,
    clusterRoles: [OSM_CLUSTER_ROLES],
  });
});

test.each([
  ["fleet", '"fleet" is not the ARN of an IAM role'],
  ["arn:aws:iam::222233334444:user/fleet", '"arn:aws:iam::222233334444:user/fleet" is not the ARN of an IAM role'],
  ["arn:aws:iam::22223333444:role/fleet", '"arn:aws:iam::22223333444:role/fleet" is not the ARN of an IAM role'],
  [`${roleOf("222233334444")},`, '"" is not the ARN of an IAM role'],
  [`${roleOf("222233334444")},${roleOf("222233334444", "b")}`, "two roles of account 222233334444"],
  [roleOf("111122223333"), `${roleOf("111122223333")} is of the stack's own account`],
])("fleet roles %j are refused", (OSM_FLEET_ROLES, problem) => {
  const refusal = `[settings-invalid] environment: OSM_FLEET_ROLES: ${problem}`;
  expect(() => reconcileSettings({ ...env, OSM_FLEET_ROLES })).toThrow(refusal);
  expect(() => checkDriftSettings({ ...drift, OSM_CLUSTER_NAME: "shop", OSM_FLEET_ROLES })).toThrow(refusal);
});

test("a role of a cluster that is none is refused", () => {
  expect(() => reconcileSettings({ ...env, OSM_CLUSTER_ROLES: "admin" })).toThrow(
    '[settings-invalid] environment: OSM_CLUSTER_ROLES: "admin" is not the ARN of an IAM role',
  );
});

test("with subnets the function is in a VPC", () => {
  expect(reconcileSettings({ ...env, OSM_SUBNET_IDS: "subnet-1,subnet-2" }).isInVpc).toBe(true);
});

test("every parameter of a fleet reaches its function, and there is none by default", () => {
  const text = readFileSync(new URL("../../../serverless.yml", import.meta.url), "utf8");
  const { params, functions } = parse(text, { logLevel: "silent" });
  const none = { fleetRoles: "", clusterRoles: "", fleetForwarders: "", subnetIds: "", securityGroupIds: "" };
  expect(params.default).toMatchObject(none);
  for (const name of Object.keys(env).filter((key) => key.startsWith("OSM_") && key !== "OSM_EVENT_BUS_NAME")) {
    expect(Object.keys(functions.reconcile.environment)).toContain(name);
  }
  for (const name of ["OSM_ACCOUNT_ID", "OSM_FLEET_ROLES"]) {
    expect(Object.keys(functions["check-drift"].environment)).toContain(name);
  }
});
