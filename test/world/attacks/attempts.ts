import { sites } from "#test/cluster/outside/sites.ts";
import { app, control, elsewhere, type Ground, must, type Person, plain, type Said, shop } from "./ground.ts";
import type { Contained, Refused, Tried } from "./ways.ts";

/** The probe's arguments. */
export type Words = readonly string[];

/** TCP to the outside; by address, since the sidecar's own user has no UDP to ask for names. */
export const outward = (): Words => ["tcp", `${sites.tcp.address}:${sites.tcp.port}`];

/** A shell line in a container of the shop, by the attacker's own exec. */
export function inside({ mallory }: Ground, pod: string, line: string, container = "app"): Promise<Said> {
  return mallory(["exec", "-n", shop, pod, "-c", container, "--", "sh", "-c", line]);
}

/**
 * Whether `probe` gets an answer.
 *
 * @param before  what stands before it in the shell line, e.g. `kill -9 7 && `
 * @throws        when it did not even run
 */
export async function reaches(ground: Ground, pod: string, words: Words, where: Where = {}): Promise<boolean> {
  const { container, before = "", program = "/bin/probe" } = where;
  const line = `${before}${program} -timeout 2s ${words.join(" ")}`;
  return answered(await inside(ground, pod, line, container), line);
}

interface Where {
  readonly container?: string;
  readonly before?: string;
  readonly program?: string;
}

/** The same from the pod outside the mesh. */
export function reachesFromElsewhere(ground: Ground, words: Words): Promise<boolean> {
  const key = words.join(" ");
  const known = ground.controls.get(key) ?? ask(ground, words);
  ground.controls.set(key, known);
  return known;
}

async function ask({ admin }: Ground, words: Words): Promise<boolean> {
  const target = ["exec", "-n", elsewhere, control, "--", "/bin/probe", "-timeout", "2s"];
  return answered(await admin([...target, ...words]), words.join(" "));
}

function answered({ ok, stdout, stderr }: Said, line: string): boolean {
  if (!stdout.includes('"event"')) throw new Error(`${line}: ${stdout}${stderr}`);
  return ok;
}

const wget = `timeout 3 wget -q -O - http://${sites.http.name}/`;
/** A shell line of the pod outside the mesh, but for the line. */
export const fromControl = ["exec", "-n", elsewhere, control, "--", "sh", "-c"];

/** A shell line: HTTP to the outside, by somebody's listener as the proxy. */
export function throughProxy(address: string): string {
  return `http_proxy=http://${address} ${wget}`;
}

/** The same without one, from where nothing stands against it. */
export async function wgetFromElsewhere({ admin }: Ground): Promise<boolean> {
  return (await admin([...fromControl, wget])).ok;
}

/** From the pod: an answer, or something of its own that arrived outside. */
export async function getsOut(ground: Ground, pod: string, words: Words, where?: Where): Promise<boolean> {
  await ground.world.outside.forget();
  const isAnswered = await reaches(ground, pod, words, where);
  return isAnswered || arrivedFrom(ground, await ground.addressOf(pod));
}

export async function arrivedFrom({ world }: Ground, address: string): Promise<boolean> {
  return (await world.outside.arrivals()).some(({ from }) => from === address);
}

/** A probe from a pod, and from the one outside the mesh. */
export function probing(pod: string, words: (ground: Ground) => Words, where?: Where) {
  return async (ground: Ground): Promise<Tried> => ({
    got: await getsOut(ground, pod, words(ground), where),
    control: await reachesFromElsewhere(ground, words(ground)),
  });
}

/** Traffic of an honest pod, to somewhere that the pod outside the mesh reaches. */
export function traffic(way: string, words: (ground: Ground) => Words, because: string): Contained {
  return { verdict: "contained", way, because, attempt: probing(plain, words) };
}

/** Something that the attacker creates. */
export function creating(way: string, object: object, says: string, because: string): Refused {
  return { verdict: "refused", way, because, says, attempt: ({ mallory }) => mallory(["create", "-f", "-"], object) };
}

/** A kubectl command of the attacker's, in the shop. */
export function commanding(way: string, args: readonly string[], says: string, because: string): Refused {
  const [command = "", ...rest] = args;
  return { verdict: "refused", way, because, says, attempt: ({ mallory }) => mallory([command, "-n", shop, ...rest]) };
}

/** What `kubectl debug` does, without its own ideas of what a container needs. */
export async function addEphemeral(person: Person, pod: string, more: object): Promise<Said> {
  const path = `/api/v1/namespaces/${shop}/pods/${pod}`;
  const object = JSON.parse(await must(person(["get", "--raw", path]))) as {
    readonly spec: { readonly ephemeralContainers?: readonly object[] };
  };
  const ephemeralContainers = [...(object.spec.ephemeralContainers ?? []), app({ name: "added", ...more })];
  return person(["replace", "--raw", `${path}/ephemeralcontainers`, "-f", "-"], {
    ...object,
    spec: { ...object.spec, ephemeralContainers },
  });
}
