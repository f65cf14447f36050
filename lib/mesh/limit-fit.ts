import type { InjectionResources } from "./injection.ts";
import { amountValue } from "./resource-quantity.ts";

type Amounts = Readonly<Record<string, string>>;

/** One item of a LimitRange. */
export interface Limit {
  /** Of the LimitRange. */
  readonly name: string;
  readonly type: string;
  readonly default?: Amounts;
  readonly min?: Amounts;
  readonly max?: Amounts;
  readonly maxLimitRequestRatio?: Amounts;
}

type Resource = "cpu" | "memory";
type Sizes = Readonly<Record<Resource, { readonly request: string; readonly limit: string }>>;

/** By the class of the pod (deploy/injection/resources.ts), what its sidecar has. */
interface PodClass {
  readonly pods: string;
  readonly sizes: Sizes;
}

/**
 * What of a namespace's LimitRanges the sidecar cannot keep to, so that the API server would refuse pods with it: one text
 * for each, with the pods that it is about and what to change. Empty where all pods fit.
 *
 * A pod with a budget of its own (`spec.resources`) is another matter: its sidecar has no resources.
 */
export function limitProblems(limits: readonly Limit[], sizes: InjectionResources): readonly string[] {
  const classes = podClasses(limits, sizes);
  const told = new Map<string, string[]>();
  for (const { pods, sizes: theirs } of classes) {
    for (const limit of limits) {
      for (const problem of problemsOf(limit, theirs)) told.set(problem, [...(told.get(problem) ?? []), pods]);
    }
  }
  return [...told].map(([problem, pods]) =>
    pods.length === classes.length ? problem : `for ${pods.join(" and ")}, ${problem}`,
  );
}

function podClasses(limits: readonly Limit[], sizes: InjectionResources): readonly PodClass[] {
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = sizes;
  const memory = { request: memoryRequest, limit: memoryLimit };
  const limited = { cpu: { request: cpuRequest, limit: cpuLimit }, memory };
  const all = {
    cpu: { request: cpuLimit, limit: cpuLimit },
    memory: { request: memoryLimit, limit: memoryLimit },
  };
  // Whoever lets its CPU limit open gets one, or is refused for itself.
  const isLimited = limits.some(
    ({ type, default: given, max, maxLimitRequestRatio }) =>
      type === "Container" && [given, max, maxLimitRequestRatio].some((it) => it?.["cpu"] !== undefined),
  );
  return [
    ...(isLimited
      ? []
      : [{ pods: "pods without CPU limits", sizes: { cpu: { request: cpuRequest, limit: "" }, memory } }]),
    { pods: "pods whose containers all have a CPU limit", sizes: limited },
    { pods: "pods of class Guaranteed", sizes: all },
  ];
}

function problemsOf({ name, type, min = {}, max = {}, maxLimitRequestRatio: ratios = {} }: Limit, sizes: Sizes) {
  return (["cpu", "memory"] as const).flatMap((resource) => {
    const { request, limit } = sizes[resource];
    const [atLeast, atMost, ratio] = [min[resource], max[resource], ratios[resource]];
    const say = (what: string, remedy: string) => `LimitRange ${name}: the sidecar's ${resource} ${what}: ${remedy}`;
    if (type === "Pod") {
      // How much the pod's own containers ask for nobody knows; less than nothing it cannot be.
      return isMore(atMost, limit) || atMost === undefined || limit === ""
        ? []
        : [say(`limit ${limit} leaves nothing of a pod's max ${atMost}`, `raise max, or ${lower(resource)}`)];
    }
    if (type !== "Container") return [];
    return [
      ...(isMore(atLeast, request)
        ? [say(`request ${request} is below min ${atLeast}`, `lower min, or ${raise(resource, atLeast)}`)]
        : []),
      ...(isMore(limit, atMost)
        ? [say(`limit ${limit} is above max ${atMost}`, `raise max, or ${lower(resource)}`)]
        : []),
      ...(isAboveRatio(request, limit, ratio)
        ? [
            say(
              `limit ${limit} is more than ${ratio} times its request ${request}`,
              `raise the ratio, or ${raise(resource)}`,
            ),
          ]
        : []),
    ];
  });
}

function isMore(one: string | undefined, other: string | undefined): boolean {
  return (amountValue(one) ?? Number.NaN) > (amountValue(other) ?? Number.NaN);
}

function isAboveRatio(request: string, limit: string, ratio: string | undefined): boolean {
  return (amountValue(limit) ?? Number.NaN) / (amountValue(request) ?? Number.NaN) > (amountValue(ratio) ?? Number.NaN);
}

function raise(resource: Resource, to?: string): string {
  return `raise sidecar_${resource}_request in osm-config${to === undefined ? "" : ` to ${to}`}`;
}

function lower(resource: Resource): string {
  return resource === "memory" ? "lower sidecar_memory_limit in osm-config" : "leave the namespace out of the mesh";
}
