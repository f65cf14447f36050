import type { Resource, Template } from "../../../tools/package/template.ts";

type Value = unknown;

/** What CloudFormation leaves out. */
const nothing = Symbol("AWS::NoValue");

/**
 * A resource as CloudFormation would make it of the template's conditions: `Fn::If`, and `Fn::Split` and `Fn::Join` of
 * plain texts. Every other function stays as it is.
 */
export function resolved(template: Template, id: string): Resource {
  const resource = template.Resources[id];
  if (!resource) throw new Error(`no resource ${id}`);
  return resolve(resource, (template as { Conditions?: Record<string, Value> }).Conditions ?? {}) as Resource;
}

function resolve(value: Value, conditions: Readonly<Record<string, Value>>): Value {
  if (Array.isArray(value)) return value.map((one) => resolve(one, conditions)).filter((one) => one !== nothing);
  if (typeof value !== "object" || value === null) return value;
  const [[name, argument] = ["", undefined], ...more] = Object.entries(value);
  if (more.length > 0 || (!name.startsWith("Fn::") && name !== "Ref")) return resolveFields(value, conditions);
  if (name === "Ref" && argument === "AWS::NoValue") return nothing;
  const of = (argument ?? []) as readonly Value[];
  if (name === "Fn::If") return resolve(isTrue(conditions[String(of[0])]) ? of[1] : of[2], conditions);
  if (name === "Fn::Split" || name === "Fn::Join") {
    const input = resolve(of[1], conditions);
    if (name === "Fn::Split" && typeof input === "string") return input.split(String(of[0]));
    if (name === "Fn::Join" && isTexts(input)) return input.join(String(of[0]));
    return { [name]: [of[0], input] };
  }
  return value;
}

function resolveFields(value: object, conditions: Readonly<Record<string, Value>>): Value {
  const fields = Object.entries(value).map(([key, one]) => [key, resolve(one, conditions)] as const);
  return Object.fromEntries(fields.filter(([, one]) => one !== nothing));
}

function isTexts(value: Value): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function isTrue(condition: Value): boolean {
  const [[name, argument] = ["", undefined]] = Object.entries((condition ?? {}) as object);
  const of = (argument ?? []) as readonly Value[];
  switch (name) {
    case "Fn::Equals":
      return of[0] === of[1];
    case "Fn::Not":
      return !isTrue(of[0]);
    default:
      throw new Error(`condition ${JSON.stringify(condition)}`);
  }
}
