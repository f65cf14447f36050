import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { diagnosticsOf } from "../../../tools/package/diagnostics.ts";
import { faultsOf } from "../../../tools/package/faults.ts";
import { packageStack, type Template } from "../../../tools/package/template.ts";

let directory = "";
let path = "";
let template: Template;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "osm-package-"));
  const options = { stage: "prod", region: "eu-central-1", parameters: { cluster: "shop", auditLog: "true" } };
  ({ path, template } = await packageStack(join(directory, "stack"), options));
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

type Values = Record<string, unknown>;

/** The template with one property of one resource changed; undefined takes it away. */
function changed(id: string, property: string, value: unknown): Template {
  const copy = structuredClone(template) as { Resources: Record<string, { Properties: Values }> };
  const properties = copy.Resources[id]?.Properties;
  if (!properties || !(property in properties)) throw new Error(`${id} has no ${property}`);
  if (value === undefined) delete properties[property];
  else properties[property] = value;
  return copy as unknown as Template;
}

async function diagnosed(one: Template): Promise<readonly string[]> {
  const file = join(directory, "changed.json");
  await writeFile(file, JSON.stringify(one));
  return diagnosticsOf(file);
}

test("the stack's own template has no fault that either check knows", () => {
  expect([...diagnosticsOf(path), ...faultsOf(template)]).toEqual([]);
  expect(Object.keys(template.Resources).length).toBeGreaterThan(25);
});

test.each<readonly [fault: string, id: string, property: string, value: unknown]>([
  ["ReconcileLambdaFunction: Timeout is 1000, not 1 to 900", "ReconcileLambdaFunction", "Timeout", 1_000],
  ["ReconcileLambdaFunction: Timeout is 0, not 1 to 900", "ReconcileLambdaFunction", "Timeout", undefined],
  ["ReconcileEventSourceMappingSQSQueue: VisibilityTimeout is 359, less than 360", "Queue", "VisibilityTimeout", 359],
  [
    "ReconcileEventSourceMappingSQSQueue: does not take ReportBatchItemFailures",
    "ReconcileEventSourceMappingSQSQueue",
    "FunctionResponseTypes",
    undefined,
  ],
  [
    "ReconcileEventSourceMappingSQSQueue: OSM_VISIBILITY_SECONDS: must be more than the function's 60 s: a live pass would get a twin",
    "ReconcileLambdaFunction",
    "Environment",
    { Variables: { OSM_VISIBILITY_SECONDS: "60", OSM_LEASE_SECONDS: "20", OSM_DEADLINE_SECONDS: "30" } },
  ],
  [
    "CheckDashdriftLambdaFunction: called asynchronously, without dead letters",
    "CheckDashdriftLambdaFunction",
    "DeadLetterConfig",
    undefined,
  ],
  [
    "ForwardDashauditDashlogLambdaFunction: called asynchronously, without dead letters",
    "ForwardDashauditDashlogLambdaFunction",
    "DeadLetterConfig",
    undefined,
  ],
  ["ReconcileLambdaFunction: has no log group of its own", "ReconcileLogGroup", "LogGroupName", "/aws/lambda/another"],
  ["ReconcileLogGroup: logs are kept for ever (RetentionInDays)", "ReconcileLogGroup", "RetentionInDays", undefined],
  ["Queue: not encrypted with SQS's own keys", "Queue", "SqsManagedSseEnabled", undefined],
  ["DeadLetterQueue: no MessageRetentionPeriod", "DeadLetterQueue", "MessageRetentionPeriod", undefined],
  ["Queue: its dead letters are kept no longer than it", "DeadLetterQueue", "MessageRetentionPeriod", 345_600],
  ["Queue: without dead letters (RedrivePolicy)", "Queue", "RedrivePolicy", undefined],
  ["Rule: target queue without dead letters", "Rule", "Targets", [{ Id: "queue", Arn: "arn" }]],
  ["DriftSchedule: without dead letters", "DriftSchedule", "Target", { Arn: "arn" }],
])("%s", (fault, id, property, value) => {
  expect(faultsOf(changed(id, property, value))).toContain(fault);
});

test("two functions with one role", () => {
  const role = template.Resources["ReconcileLambdaFunction"]?.Properties?.["Role"];
  expect(faultsOf(changed("CheckDashdriftLambdaFunction", "Role", role))).toEqual([
    "CheckDashdriftLambdaFunction: shares its role with ReconcileLambdaFunction",
  ]);
});

test.each<readonly [what: string, id: string, property: string, value: unknown, found: RegExp]>([
  [
    "a property that there is not",
    "Queue",
    "RedrivePolicy",
    { deadLetterTargetArn: { "Fn::GetAtt": ["Nothing", "Arn"] } },
    /Nothing/,
  ],
  ["a property of the wrong type", "Queue", "VisibilityTimeout", "soon", /VisibilityTimeout|integer|number/],
  [
    "a value that is none of those that it takes (W3030)",
    "ReconcileLambdaFunction",
    "Runtime",
    "nodejs99.x",
    /W3030.*nodejs99/,
  ],
])("the validator sees %s", async (_, id, property, value, found) => {
  expect((await diagnosed(changed(id, property, value))).join("\n")).toMatch(found);
});
