import * as z from "zod";
import type { PlainPod, PlainPodSpec } from "#deploy/injection/plain.ts";
import type { InjectionPod } from "../../mesh/injection-rule.ts";

type Path = readonly (string | number)[];

/** A pod in a manifest, or the template of one. */
export interface PodPlace {
  /** From the document's root to what has `metadata` and `spec`; empty for a pod. */
  readonly path: Path;
  readonly owner: Owner;
}

/** The object that has it. */
export interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Where the kinds that make pods have them, by API group and kind. */
const templates: Readonly<Record<string, Path>> = {
  "/Pod": [],
  "/ReplicationController": ["spec", "template"],
  "apps/Deployment": ["spec", "template"],
  "apps/ReplicaSet": ["spec", "template"],
  "apps/StatefulSet": ["spec", "template"],
  "apps/DaemonSet": ["spec", "template"],
  "batch/Job": ["spec", "template"],
  "batch/CronJob": ["spec", "jobTemplate", "spec", "template"],
};

interface RawObject {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly metadata?: { readonly name?: unknown; readonly generateName?: unknown; readonly namespace?: unknown };
  readonly items?: unknown;
  readonly spec?: { readonly template?: RawTemplate };
  /** Of a PodTemplate. */
  readonly template?: RawTemplate;
}

interface RawTemplate {
  readonly spec?: { readonly containers?: unknown };
}

export interface FoundPods {
  readonly places: readonly PodPlace[];
  /** Objects of kinds that are not known here, and that look as if they made pods. */
  readonly strangers: readonly Owner[];
}

/** Of an object, and of a list's: whatever is none of the kinds that make pods has none. */
export function podsIn(value: unknown, at: Path = []): FoundPods {
  if (typeof value !== "object" || value === null) return { places: [], strangers: [] };
  const object = value as RawObject;
  const kind = String(object.kind);
  if (kind.endsWith("List") && Array.isArray(object.items)) {
    // In a list of one kind that kind may stand at the list alone.
    const inherited = { apiVersion: object.apiVersion, kind: kind.slice(0, -"List".length) };
    const found = object.items.map((item, index) => podsIn({ ...inherited, ...item }, [...at, "items", index]));
    return { places: found.flatMap(({ places }) => places), strangers: found.flatMap(({ strangers }) => strangers) };
  }
  const version = String(object.apiVersion);
  const group = version.includes("/") ? version.slice(0, version.indexOf("/")) : "";
  const path = templates[`${group}/${kind}`];
  const owner = ownerOf(object, kind);
  if (path) return { places: [{ path: [...at, ...path], owner }], strangers: [] };
  const looksSo = [object.spec?.template, object.template].some((it) => Array.isArray(it?.spec?.containers));
  return { places: [], strangers: looksSo ? [owner] : [] };
}

function ownerOf({ metadata }: RawObject, kind: string): Owner {
  const { name, generateName, namespace } = metadata ?? {};
  return {
    kind,
    name: String(name ?? generateName ?? "without a name"),
    namespace: typeof namespace === "string" && namespace !== "" ? namespace : undefined,
  };
}

/** Only what injection looks at. */
export type ManifestPod = PlainPod<
  PlainPodSpec & {
    readonly hostNetwork?: boolean | null;
    readonly os?: { readonly name?: string } | null;
    readonly nodeSelector?: Readonly<Record<string, string>> | null;
  }
>;

const texts = z.record(z.string(), z.string()).nullish();
const named = z.looseObject({ name: z.string() });
const amounts = z.record(z.string(), z.union([z.string(), z.number(), z.bigint()]).nullable()).nullish();
const asked = z.looseObject({ host: z.string().nullish() }).nullish();
const handler = z.looseObject({ httpGet: asked, tcpSocket: asked }).nullish();
const resolverOption = z.looseObject({ name: z.string().nullish(), value: z.string().nullish() });
const container = z.looseObject({
  name: z.string(),
  livenessProbe: handler,
  readinessProbe: handler,
  startupProbe: handler,
  lifecycle: z.looseObject({ postStart: handler, preStop: handler }).nullish(),
  resources: z.looseObject({ limits: amounts, requests: amounts }).nullish(),
  volumeMounts: z.array(named).nullish(),
});
const manifestPod = z.looseObject({
  metadata: z.looseObject({ annotations: texts }).nullish(),
  spec: z.looseObject({
    containers: z.array(container).min(1),
    initContainers: z.array(container).nullish(),
    volumes: z.array(named).nullish(),
    serviceAccountName: z.string().nullish(),
    serviceAccount: z.string().nullish(),
    resources: z.looseObject({}).nullish(),
    dnsConfig: z
      .looseObject({ nameservers: z.array(z.string()).nullish(), options: z.array(resolverOption).nullish() })
      .nullish(),
    hostNetwork: z.boolean().nullish(),
    os: z.looseObject({ name: z.string().optional() }).nullish(),
    nodeSelector: texts,
  }),
});

/** @returns the value itself, or what about it is not as the API server would take it */
export function checkPod(
  value: unknown,
): { readonly pod: ManifestPod } | { readonly field: Path; readonly problem: string } {
  const [issue] = manifestPod.safeParse(value).error?.issues ?? [];
  return issue ? { field: issue.path as Path, problem: issue.message } : { pod: value as ManifestPod };
}

export function injectionPod({ metadata, spec }: ManifestPod): InjectionPod {
  return {
    ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
    ...(spec.hostNetwork ? { hostNetwork: true } : {}),
    ...(spec.os?.name === undefined ? {} : { os: spec.os.name }),
    ...(spec.nodeSelector ? { nodeSelector: spec.nodeSelector } : {}),
  };
}

/** `spec.template.metadata.annotations["example.com/x"]`, `items[3].spec`. */
export function fieldText(path: Path): string {
  return path
    .map((key) => {
      if (typeof key === "number") return `[${key}]`;
      return /^[A-Za-z]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    })
    .join("")
    .replace(/^\./, "");
}
