import { setTimeout as sleep } from "node:timers/promises";
import { osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { expectOk, type KubeObject } from "#lib/kube/objects.ts";
import { isFull } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { during, nth } from "#test/faults/proxy/fault.ts";
import { mergePatch, remove } from "../../api.ts";
import { apiFaultKinds } from "../api-faults.ts";
import type { Rig } from "../rig.ts";
import { configMapNames, meshPods, replacePod, setEgress } from "../small-mesh.ts";
import type { Slot } from "./queue.ts";

/** What operations work on. */
export interface Soaked {
  readonly rig: Rig;
  readonly random: () => number;
  /** Somebody that the policies take for a reconciler, with every right. */
  readonly stranger: KubeConnection;
  /** Where the process runs that is killed and frozen. */
  readonly struck: Slot;
  /** What was made and not taken away yet: paths. */
  readonly made: string[];
  serial: number;
}

type Operation = (soaked: Soaked) => Promise<unknown>;

const maxMade = 6;
const frozenMs = 2_000;

/** By name, with how often each comes. */
export const operations: Readonly<Record<string, readonly [weight: number, Operation]>> = {
  toggle: [30, ({ rig, random }) => setEgress(rig.admin, random() < 0.5)],
  "bad value": [3, ({ rig, random }) => configure(rig, { egress: pick(random, ["ture", "", "yes", " true"]) })],
  permissive: [6, ({ rig, random }) => configure(rig, { permissive_traffic_policy_mode: String(random() < 0.5) })],
  exclusion: [6, ({ rig, random }) => configure(rig, { outbound_port_exclusion_list: pick(random, ["", "7", "7,9"]) })],
  service: [12, (soaked) => make(soaked, "services", service)],
  // Its ConfigMap goes two minutes after it, which a gate does not wait for.
  account: [isFull ? 5 : 0, (soaked) => make(soaked, "serviceaccounts")],
  "pod replaced": [10, anyPodReplaced],
  "ConfigMap edited": [5, editConfigMap],
  "ConfigMap deleted": [3, ({ stranger, random }) => remove(stranger, configMap(pick(random, configMapNames)))],
  "API fault": [12, strikeApi],
  "function killed": [4, killFunction],
  "function frozen": [4, freezeFunction],
};

const total = Object.values(operations).reduce((sum, [weight]) => sum + weight, 0);

/** @returns the name of the operation that was carried out */
export async function operate(soaked: Soaked): Promise<string> {
  let dice = soaked.random() * total;
  for (const [name, [weight, operation]] of Object.entries(operations)) {
    dice -= weight;
    if (dice >= 0) continue;
    await operation(soaked);
    return name;
  }
  throw new Error("weights do not add up");
}

function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** As anybody with the right to; what is refused is refused. */
function configure({ admin }: Rig, data: Readonly<Record<string, string>>): Promise<unknown> {
  return mergePatch(admin, osmConfig(defaults), { data });
}

const service = { spec: { selector: { app: "web" }, ports: [{ port: 80 }] } };

/** One more, or in its place one fewer. */
async function make(soaked: Soaked, kind: "services" | "serviceaccounts", object: object = {}): Promise<void> {
  const { rig, made, random } = soaked;
  if (made.length < maxMade && random() < 0.6) {
    const path = `/api/v1/namespaces/shop/${kind}`;
    const name = `soak-${soaked.serial++}`;
    await expectOk(rig.admin, { method: "POST", path, body: { metadata: { name }, ...object } });
    made.push(`${path}/${name}`);
    return;
  }
  const [path] = made.splice(Math.floor(random() * made.length), 1);
  if (path !== undefined) await expectOk(rig.admin, { method: "DELETE", path });
}

async function anyPodReplaced({ rig, random }: Soaked): Promise<void> {
  const pod = pick(random, meshPods);
  // An API server out of breath may still answer of the pod that went.
  await eventually("the pod is replaced", async () => {
    await replacePod(rig.admin, pod);
    return true;
  });
}

function configMap(name: string): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" } };
}

function editConfigMap({ stranger, random, serial }: Soaked): Promise<unknown> {
  const listeners = `{"version_info":"strange-${serial}","resources":[]}`;
  return mergePatch(stranger, configMap(pick(random, configMapNames)), { data: { "lds.json": listeners } });
}

async function strikeApi({ rig, random }: Soaked): Promise<void> {
  // One that hangs for 10 s is not what a soak is about; the others have it.
  const fault = pick(
    random,
    apiFaultKinds.filter(({ kind }) => kind !== "hang"),
  );
  rig.proxy.faults = random() < 0.5 ? during(300 + random() * 500, fault) : nth(1 + random() * 20, () => true, fault);
}

async function killFunction(soaked: Soaked): Promise<void> {
  const { process } = soaked.struck;
  soaked.struck.process = undefined;
  await process?.kill();
  soaked.struck.process = await soaked.rig.startFunction(`struck-${soaked.serial++}`);
}

async function freezeFunction({ struck }: Soaked): Promise<void> {
  const { process } = struck;
  process?.freeze();
  await sleep(frozenMs);
  process?.wake();
}
