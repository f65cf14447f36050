import { join } from "node:path";
import type { Cluster } from "#test/cluster/cluster.ts";
import { writeKubeconfig } from "#test/cluster/kubeconfig.ts";
import type { World } from "#test/cluster/world.ts";
import { sidecarUserImage, testAppImage } from "#test/images/images.ts";
import { CommandError, run } from "../../../tools/setup/command.ts";
import type { OsmCommand } from "../osm-command.ts";

/** In the mesh; the attackers' own. */
export const shop = "shop";
/** Not in the mesh. */
export const elsewhere = "elsewhere";
/** An honest pod of the shop, to attack from and to attack. */
export const plain = "plain";
/** Outside the mesh: what it reaches, a pod of the shop could have reached. */
export const control = "control";

/** What somebody's kubectl said. */
export interface Said {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Somebody's kubectl. @param input  an object on its standard input. Never throws */
export type Person = (args: readonly string[], input?: object) => Promise<Said>;

/** Where attacks are made, and by whom. */
export interface Ground {
  readonly world: World;
  readonly cluster: Cluster;
  readonly osm: OsmCommand;
  readonly admin: Person;
  /** Bound to ClusterRole `edit` in the shop, and to nothing else. */
  readonly mallory: Person;
  /** The same, and may add ephemeral containers there, as many may who debug. */
  readonly trudy: Person;
  /** IP address of a pod of the shop. */
  addressOf(pod: string): Promise<string>;
  /** What the pod outside the mesh reached, by the probe's words; each is tried once. */
  readonly controls: Map<string, Promise<boolean>>;
}

export function groundOf(
  world: World,
  cluster: Cluster,
  osm: OsmCommand,
  people: Pick<Ground, "mallory" | "trudy">,
): Ground {
  const addresses = new Map<string, Promise<string>>();
  const find = async (pod: string) => {
    const address = await cluster.kubectl("get", "pod", pod, "-n", shop, "-o", "jsonpath={.status.podIP}");
    if (address === "") throw new Error(`pod ${shop}/${pod} has no address`);
    return address;
  };
  const addressOf = (pod: string) => {
    const known = addresses.get(pod) ?? find(pod);
    addresses.set(pod, known);
    return known;
  };
  return {
    ...{ world, cluster, osm, ...people, addressOf },
    admin: personOf(world, cluster.kubeconfigPath),
    controls: new Map(),
  };
}

/** A user of the cluster's own authority, with a client certificate and no group. */
export async function personNamed(world: World, name: string): Promise<Person> {
  const client = await world.authority.issueClient(name, `/CN=${name}`);
  const path = join(world.directory, `${name}.kubeconfig`);
  return personOf(world, await writeKubeconfig(path, world.apiServer.url, world.authority, client));
}

function personOf(world: World, kubeconfig: string): Person {
  return async (args, input) => {
    const options = { env: { KUBECONFIG: kubeconfig }, timeoutMs: 60_000 };
    const given = input === undefined ? options : { ...options, input: JSON.stringify(input) };
    try {
      return { ok: true, ...(await run([join(world.directory, "bin/kubectl"), ...args], given)) };
    } catch (error) {
      if (!(error instanceof CommandError) || error.code === null) throw error;
      return { ok: false, stdout: error.stdout, stderr: error.stderr };
    }
  };
}

/** @throws with what kubectl said, where it had to succeed */
export async function must(said: Promise<Said>): Promise<string> {
  const { ok, stdout, stderr } = await said;
  if (!ok) throw new Error(`${stdout}${stderr}`);
  return stdout;
}

/** A pod of the shop as its owner writes it. */
export function shopPod(name: string, spec: object = {}, annotations: Readonly<Record<string, string>> = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: shop, labels: { app: name }, annotations },
    spec: { terminationGracePeriodSeconds: 1, containers: [app()], ...spec },
  };
}

/** What a container needs for the guarantee to hold. */
export const restricted = {
  runAsUser: 1000,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
} as const;

/** Its container, within the guarantee unless it says otherwise; it serves HTTP on 8080 and echoes on 8081. */
export function app(more: object = {}): object {
  return { name: "app", image: testAppImage, securityContext: restricted, ...more };
}

/** As user 1500, but only by its image; everything else is as it has to be. */
export const asImageSays = {
  image: sidecarUserImage,
  securityContext: { ...restricted, runAsUser: undefined },
} as const;
