import { timesFaults } from "#lib/aws/settings.ts";
import type { Resource, Template } from "./template.ts";

/** As Lambda advises, so that a batch may be tried again before others see it. */
const visibilityFactor = 6;
const maxTimeoutSeconds = 900;

type Named = readonly [id: string, resource: Resource];

/** What no schema knows: how parts that work by themselves must fit each other. A line each; none is as it should be. */
export function faultsOf({ Resources }: Template): readonly string[] {
  const all = Object.entries(Resources);
  const of = (type: string): readonly Named[] => all.filter(([, { Type }]) => Type === type);
  return [
    ...of("AWS::Lambda::Function").flatMap((one) => functionFaults(one, all)),
    ...of("AWS::Lambda::EventSourceMapping").flatMap((one) => mappingFaults(one, Resources)),
    ...of("AWS::SQS::Queue").flatMap((one) => queueFaults(one, Resources)),
    ...of("AWS::Events::Rule").flatMap(ruleFaults),
    ...of("AWS::Scheduler::Schedule").flatMap(scheduleFaults),
    ...of("AWS::Logs::LogGroup").flatMap(([id, group]) =>
      numberOf(group, "RetentionInDays") > 0 ? [] : [`${id}: logs are kept for ever (RetentionInDays)`],
    ),
    ...sharedRoles(of("AWS::Lambda::Function")),
    ...new Set(listsIn(Resources).flatMap(listFaults)),
  ];
}

function functionFaults([id, fn]: Named, all: readonly Named[]): readonly string[] {
  const timeout = numberOf(fn, "Timeout");
  const isFed = all.some(
    ([, { Type, Properties }]) =>
      (Type === "AWS::Lambda::EventSourceMapping" && targets(Properties?.["FunctionName"]).includes(id)) ||
      (Type === "AWS::Lambda::Url" && targets(Properties?.["TargetFunctionArn"]).includes(id)),
  );
  const hasLog = all.some(
    ([, { Type, Properties }]) =>
      Type === "AWS::Logs::LogGroup" &&
      Properties?.["LogGroupName"] === `/aws/lambda/${fn.Properties?.["FunctionName"]}`,
  );
  return [
    ...(timeout > 0 && timeout <= maxTimeoutSeconds
      ? []
      : [`${id}: Timeout is ${timeout}, not 1 to ${maxTimeoutSeconds}`]),
    // Whoever calls it does not wait for its answer, and nobody else hears of its failure.
    ...(isFed || fn.Properties?.["DeadLetterConfig"] ? [] : [`${id}: called asynchronously, without dead letters`]),
    ...(hasLog ? [] : [`${id}: has no log group of its own`]),
    ...vpcFaults([id, fn]),
  ];
}

/** Either list alone is refused by Lambda, in words that do not name the parameter. */
function vpcFaults([id, fn]: Named): readonly string[] {
  const { "Fn::If": choice } = (fn.Properties?.["VpcConfig"] ?? {}) as {
    readonly "Fn::If"?: readonly [condition: string, config: VpcConfig, otherwise: unknown];
  };
  if (!choice) return [];
  const given = [choice[1].SubnetIds, choice[1].SecurityGroupIds].map(({ "Fn::Split": [, list] }) => list !== "");
  return given[0] === given[1] ? [] : [`${id}: parameters subnetIds and securityGroupIds need each other`];
}

/** What stands in our comma-separated parameters. */
const listed = /^(?:arn:aws[a-z-]*:iam::\d{12}:role\/|subnet-|sg-)[^\s,*?]+$/;

/** A forwarder's role with a space before it is one that nobody has, and nothing would say so. */
function listFaults(list: string): readonly string[] {
  if (list === "") return [];
  const odd = list.split(",").filter((part) => !listed.test(part));
  return odd.map((part) => `"${part}" is no role, subnet or security group: lists have commas and no spaces`);
}

/** Every list that CloudFormation is to take apart, however deep it lies. */
function listsIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const { "Fn::Split": split, ...rest } = value as { readonly "Fn::Split"?: readonly [string, unknown] };
  const list = split?.[1];
  return [...(typeof list === "string" ? [list] : listsIn(list)), ...Object.values(rest).flatMap(listsIn)];
}

interface CommaSeparated {
  readonly "Fn::Split": readonly [separator: string, list: string];
}
interface VpcConfig {
  readonly SubnetIds: CommaSeparated;
  readonly SecurityGroupIds: CommaSeparated;
}

function mappingFaults([id, { Properties }]: Named, resources: Template["Resources"]): readonly string[] {
  const queues = targets(Properties?.["EventSourceArn"]).flatMap((target) => resources[target] ?? []);
  const functions = targets(Properties?.["FunctionName"]).flatMap((target) => resources[target] ?? []);
  const [queue] = queues.filter(({ Type }) => Type === "AWS::SQS::Queue");
  const [fn] = functions.filter(({ Type }) => Type === "AWS::Lambda::Function");
  if (!queue || !fn) return [`${id}: its queue or its function is not in the template`];
  const least = visibilityFactor * numberOf(fn, "Timeout");
  const visibility = numberOf(queue, "VisibilityTimeout");
  const responses = (Properties?.["FunctionResponseTypes"] ?? []) as readonly string[];
  return [
    ...(visibility >= least ? [] : [`${id}: VisibilityTimeout is ${visibility}, less than ${least}`]),
    // The function reports failures instead of throwing; who does not listen deletes the message.
    ...(responses.includes("ReportBatchItemFailures") ? [] : [`${id}: does not take ReportBatchItemFailures`]),
    // A function that cannot read its settings fails at every message.
    ...timesFaults(variablesOf(fn), numberOf(fn, "Timeout")).map((fault) => `${id}: ${fault}`),
  ];
}

function queueFaults([id, queue]: Named, resources: Template["Resources"]): readonly string[] {
  const redrive = queue.Properties?.["RedrivePolicy"] as { readonly deadLetterTargetArn?: unknown } | undefined;
  const [dead] = targets(redrive?.deadLetterTargetArn).flatMap((target) => resources[target] ?? []);
  const isDead = Object.values(resources).some(
    ({ Type, Properties }) =>
      Type === "AWS::SQS::Queue" &&
      targets((Properties?.["RedrivePolicy"] as typeof redrive)?.deadLetterTargetArn).includes(id),
  );
  const kept = numberOf(queue, "MessageRetentionPeriod");
  return [
    ...(queue.Properties?.["SqsManagedSseEnabled"] === true ? [] : [`${id}: not encrypted with SQS's own keys`]),
    ...(kept > 0 ? [] : [`${id}: no MessageRetentionPeriod`]),
    ...(isDead || dead ? [] : [`${id}: without dead letters (RedrivePolicy)`]),
    // A dead letter keeps the age that it had.
    ...(dead && numberOf(dead, "MessageRetentionPeriod") <= kept
      ? [`${id}: its dead letters are kept no longer than it`]
      : []),
  ];
}

function ruleFaults([id, { Properties }]: Named): readonly string[] {
  const all = (Properties?.["Targets"] ?? []) as readonly {
    readonly Id: string;
    readonly DeadLetterConfig?: unknown;
  }[];
  return all.flatMap((target) => (target.DeadLetterConfig ? [] : [`${id}: target ${target.Id} without dead letters`]));
}

function scheduleFaults([id, { Properties }]: Named): readonly string[] {
  const target = Properties?.["Target"] as { readonly DeadLetterConfig?: unknown } | undefined;
  return target?.DeadLetterConfig ? [] : [`${id}: without dead letters`];
}

function sharedRoles(functions: readonly Named[]): readonly string[] {
  const roles = functions.map(([id, { Properties }]) => [id, JSON.stringify(Properties?.["Role"])] as const);
  return roles.flatMap(([id, role], at) => {
    const first = roles.findIndex(([, other]) => other === role);
    return first < at ? [`${id}: shares its role with ${roles[first]?.[0]}`] : [];
  });
}

function variablesOf({ Properties }: Resource): Readonly<Record<string, unknown>> {
  const environment = Properties?.["Environment"] as { readonly Variables?: Readonly<Record<string, unknown>> };
  return environment?.Variables ?? {};
}

function numberOf({ Properties }: Resource, property: string): number {
  return Number(Properties?.[property] ?? 0);
}

/** Logical ids that a value refers to, by `Ref` or `Fn::GetAtt`. */
function targets(value: unknown): readonly string[] {
  const { Ref: ref, "Fn::GetAtt": attribute } = (value ?? {}) as {
    readonly Ref?: string;
    readonly "Fn::GetAtt"?: readonly [string, string];
  };
  return [...(ref === undefined ? [] : [ref]), ...(attribute === undefined ? [] : [attribute[0]])];
}
