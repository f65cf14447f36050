import { expect, test } from "vitest";
import { readServerlessFile } from "../../../tools/package/serverless-file.ts";

interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Principal: unknown;
  readonly Action: unknown;
  readonly Resource: unknown;
  readonly Condition: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Template {
  readonly custom: { readonly roleArns: Readonly<Record<string, string>> };
  readonly resources: {
    readonly Resources: {
      readonly Bus: { readonly Properties: { readonly Policy: { readonly Statement: readonly unknown[] } } };
      readonly [id: string]: { readonly Properties: Readonly<Record<string, unknown>> };
    };
  };
}

const { custom, resources } = await readServerlessFile<Template>();
/** Without what only a parameter adds; `package-parameters.test.ts` has that. */
const statements = resources.Resources.Bus.Properties.Policy.Statement.filter(
  (statement): statement is Statement => !Array.isArray(statement),
);

/** Who may put events under each of our sources: the key of its ARN, and the role that has that name. */
const owners: Readonly<Record<string, readonly [arn: string, role: string]>> = {
  "osm.forwarder": ["forwarder", "ForwarderRole"],
  "osm.audit": ["forwardAuditLog", "ForwardAuditLogRole"],
  "osm.gitops": ["gitopsWebhook", "GitopsWebhookRole"],
  "osm.drift": ["checkDrift", "CheckDriftRole"],
  "osm.reconciler": ["reconcile", "ReconcileRole"],
};

test("every statement denies PutEvents on the bus, to everybody but whom its condition lets off", () => {
  expect(statements).toHaveLength(Object.keys(owners).length + 1);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Serverless Framework's own variables
  const Resource = "${self:custom.busArn}";
  for (const statement of statements) {
    expect(statement).toMatchObject({ Effect: "Deny", Principal: "*", Action: "events:PutEvents", Resource });
  }
});

test.each(Object.entries(owners))("%s is denied to all but its owner", (source, [arn, role]) => {
  const own = statements.filter(({ Condition }) => Condition["StringEquals"]?.["events:source"] === source);
  expect(own.map(({ Condition }) => Condition["StringEquals"])).toEqual([{ "events:source": source }]);
  // Of a choice by condition, what holds where no parameter is given.
  const letOff = [own[0]?.Condition["ArnNotEquals"]?.["aws:PrincipalArn"]].flat().at(-1);
  expect(letOff).toBe(`\${self:custom.roleArns.${arn}}`);
  expect(Object.keys(own[0]?.Condition ?? {})).toEqual(["StringEquals", "ArnNotEquals"]);
  // The ARN is that of the role in this template.
  const roleName = String(resources.Resources[role]?.Properties["RoleName"]);
  expect(custom.roleArns[arn]?.endsWith(`:role/${roleName}`), custom.roleArns[arn]).toBe(true);
});

test("every other source of ours is denied to everybody", () => {
  const rest = statements.filter(({ Condition }) => Condition["StringLike"] !== undefined);
  expect(rest.map(({ Condition }) => Condition)).toEqual([
    {
      StringLike: { "events:source": "osm.*" },
      StringNotEquals: { "events:source": Object.keys(owners) },
    },
  ]);
});
