import { startCluster } from "#test/cluster/cluster.ts";
import { testPod } from "#test/cluster/objects.ts";
import type { World } from "#test/cluster/world.ts";
import { eventually } from "#test/eventually.ts";
import { ensureSidecarUserImage } from "#test/images/images.ts";
import { bundle } from "../../../tools/bundle.ts";
import { osmCommand } from "../osm-command.ts";
import { service } from "../sample-mesh.ts";
import { attacks } from "./all.ts";
import { control, elsewhere, type Ground, groundOf, must, personNamed, plain, shop, shopPod } from "./ground.ts";
import type { AttackPod } from "./ways.ts";

const rbac = "rbac.authorization.k8s.io";

/** Binds users to a ClusterRole in the shop. */
function bound(name: string, role: string, ...users: readonly string[]): object {
  return {
    apiVersion: `${rbac}/v1`,
    kind: "RoleBinding",
    metadata: { name, namespace: shop },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: role },
    subjects: users.map((user) => ({ apiGroup: rbac, kind: "User", name: user })),
  };
}

const debugging = {
  apiVersion: `${rbac}/v1`,
  kind: "ClusterRole",
  metadata: { name: "debugging" },
  rules: [{ apiGroups: [""], resources: ["pods/ephemeralcontainers"], verbs: ["patch", "update"] }],
};

const pods: readonly AttackPod[] = attacks.flatMap((attack) => ("pod" in attack && attack.pod ? [attack.pod] : []));

const preparations = attacks.flatMap((attack) => ("prepare" in attack && attack.prepare ? [attack.prepare] : []));

/** A mesh with egress off, two users bound to `edit` in one of its namespaces, and every pod that they attack with. */
export async function startGround(world: World, log: (line: string) => void): Promise<Ground> {
  await bundle();
  const [cluster, image] = await Promise.all([startCluster(world, { log }), ensureSidecarUserImage(log)]);
  await cluster.importImage(image);
  const osm = osmCommand(cluster.kubeconfigPath);
  const people = { mallory: await personNamed(world, "mallory"), trudy: await personNamed(world, "trudy") };
  const ground = groundOf(world, cluster, osm, people);
  const osmMust = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await osm(...args);
    if (exitCode !== 0) throw new Error(`osm ${args.join(" ")}: ${stdout}${stderr}`);
  };
  await osmMust("install", "--enable-permissive-traffic-policy");
  await cluster.apply(
    ...[shop, elsewhere].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "other", namespace: shop } },
    debugging,
    bound("attackers", "edit", "mallory", "trudy"),
    bound("debuggers", "debugging", "trudy"),
    testPod(control, elsewhere, ["sleep", "86400"]),
  );
  await eventually("the rights are in force", async () => {
    return (await people.mallory(["get", "serviceaccount", "default", "-n", shop])).ok;
  });
  await create(
    ground,
    pods.filter(({ early }) => early),
  );
  await osmMust("namespace", "add", shop);
  await cluster.apply(service(shop, "server"));
  await create(ground, [{ name: plain }, { name: "server" }, ...pods.filter(({ early }) => !early)]);
  await Promise.all(preparations.map((prepare) => prepare(ground)));
  await cluster
    .kubectl("wait", "--for=condition=Ready", "pod", "--all", "-n", shop, "--timeout=110s")
    .catch(async (cause: unknown) => {
      const pods = await cluster.kubectl("get", "pods", "-n", shop);
      throw new Error(`not all pods are ready:\n${pods}`, { cause });
    });
  await cluster.kubectl("wait", "--for=condition=Ready", `pod/${control}`, "-n", elsewhere, "--timeout=60s");
  await osmMust("reconcile");
  return ground;
}

async function create(ground: Ground, wanted: readonly AttackPod[]): Promise<void> {
  const items = wanted.map(({ name, spec, annotations }) => shopPod(name, spec?.(ground), annotations));
  await must(ground.mallory(["create", "-f", "-"], { apiVersion: "v1", kind: "List", items }));
}
