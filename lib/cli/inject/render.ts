import { injectedSpec, injectionFaults } from "#deploy/injection/plain.ts";
import { decideInjection } from "../../mesh/injection-rule.ts";
import { annotations } from "../../mesh/names.ts";
import { CommandError } from "../failure.ts";
import { joinDocuments, parseManifest, printManifest, splitDocuments } from "./kubectl-yaml.ts";
import type { InjectingMesh } from "./mesh.ts";
import { applied, namespacesIn } from "./namespaces.ts";
import { checkPod, fieldText, injectionPod, type Owner, type PodPlace, podsIn } from "./pods.ts";
import type { Source } from "./sources.ts";

type Path = PodPlace["path"];

export interface Injected {
  /** A YAML stream: every document of the input, in its order. Those without an injected pod are as they were. */
  readonly text: string;
  /** One line for each pod or template: whether it was injected, and why not; before them what is not known of the mesh. */
  readonly notes: readonly string[];
}

/**
 * Puts capture and sidecar into every pod of the sources that the mesh's policy would inject.
 *
 * A namespace among the sources counts as if they were applied already.
 *
 * @param namespace  of objects that name none
 * @throws CommandError with everything that is wrong, each with file, document and field; then nothing is injected
 */
export async function injectSources(
  sources: readonly Source[],
  mesh: InjectingMesh,
  namespace: string,
): Promise<Injected> {
  const texts: string[] = [];
  const notes: string[] = mesh.doubt === undefined ? [] : [mesh.doubt];
  const faults: string[] = [];
  const documents = sources.flatMap(parsedDocuments);
  const brought = namespacesIn(documents.map(({ parsed }) => ("value" in parsed ? parsed.value : undefined)));
  const after: InjectingMesh = {
    ...mesh,
    namespace: async (name) => applied(await mesh.namespace(name), brought.get(name)),
  };
  for (const { where, text, parsed } of documents) {
    if ("fault" in parsed) {
      faults.push(`${where}: ${parsed.fault}`);
      continue;
    }
    const found = podsIn(parsed.value);
    let value = parsed.value;
    for (const place of found.places) {
      const outcome = await injectAt(value, place, after, place.owner.namespace ?? namespace);
      value = outcome.value;
      if (outcome.note !== undefined) notes.push(`${ownerText(place.owner)}: ${outcome.note}`);
      faults.push(...outcome.faults.map((fault) => `${where}, ${ownerText(place.owner)}: ${fault}`));
    }
    notes.push(...found.strangers.map((owner) => `${ownerText(owner)}: not injected: osm does not know this kind`));
    texts.push(value === parsed.value ? text : printManifest(value));
  }
  if (faults.length === 0) return { text: joinDocuments(texts), notes };
  throw new CommandError(faults.join("\n     "), "put that right first; nothing was printed");
}

function parsedDocuments({ name, text }: Source) {
  return splitDocuments(text).map((document, at) => {
    return { where: `${name}, document ${at + 1}`, text: document.text, parsed: parseManifest(document) };
  });
}

interface Outcome {
  readonly value: unknown;
  readonly note?: string;
  readonly faults: readonly string[];
}

async function injectAt(value: unknown, place: PodPlace, mesh: InjectingMesh, namespace: string): Promise<Outcome> {
  const fault = (field: Path, problem: string): Outcome => {
    return { value, faults: [`${fieldText([...place.path, ...field])}: ${problem}`] };
  };
  const checked = checkPod(read(value, place.path));
  if ("problem" in checked) return fault(checked.field, checked.problem);
  const its = await mesh.namespace(namespace);
  if (!its) return { value, faults: [`namespace ${namespace} does not exist: create it, then osm namespace add it`] };
  const decision = decideInjection(its, injectionPod(checked.pod), mesh.place);
  if (decision.kind === "leave") return { value, note: `not injected: ${decision.why}`, faults: [] };
  if (decision.kind === "refuse") {
    const problem = `${JSON.stringify(decision.wish)} must be enabled or disabled`;
    if (decision.by === "pod") return fault(["metadata", "annotations", annotations.injection], problem);
    return { value, faults: [`annotation ${annotations.injection} of namespace ${namespace}: ${problem}`] };
  }
  const faults = injectionFaults(checked.pod, mesh.injection);
  if (faults.length > 0) {
    return { value, faults: faults.map(({ field, problem }) => `${fieldText([...place.path, ...field])} ${problem}`) };
  }
  const defaults = await mesh.limitDefaults(namespace);
  const spec = injectedSpec(checked.pod, mesh.injection, defaults);
  return { value: replaced(value, [...place.path, "spec"], spec), note: "injected", faults: [] };
}

function read(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<string | number, unknown> | undefined | null)?.[key], value);
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((item, at) => (at === key ? replaced(item, rest, by) : item));
  const object = value as Readonly<Record<string, unknown>>;
  return { ...object, [key]: replaced(object[key], rest, by) };
}

function ownerText({ kind, name, namespace }: Owner): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}
