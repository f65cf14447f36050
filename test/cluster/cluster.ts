import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuiltImage, ensureSidecarImage } from "#deploy/images/build.ts";
import { eventually } from "#test/eventually.ts";
import { ensureTestImages } from "#test/images/images.ts";
import { ensureEnvoy } from "../../tools/setup/envoy.ts";
import { ensureKubernetesBinary } from "../../tools/setup/kubernetes-binary.ts";
import { nodeName } from "./addresses.ts";
import { type Containerd, openContainerd, startContainerd } from "./containerd.ts";
import { type ControlPlaneOptions, startControlPlane } from "./control-plane.ts";
import { type Kubectl, kubectlOn, writeKubectl } from "./kubectl.ts";
import { dnsObjects, startDns } from "./names.ts";
import type { Spawned } from "./namespaces.ts";
import { startNode } from "./node.ts";
import { openWorld, type World, type WorldRecord } from "./world.ts";

/** A real Kubernetes cluster of one node, in a world. */
export interface Cluster {
  readonly world: World;
  /** Of a cluster administrator; works from this machine. */
  readonly kubeconfigPath: string;
  readonly auditLogPath: string;
  readonly containerd: Containerd;
  /** Undefined where another process has started it. */
  readonly kubelet: Spawned | undefined;
  /** Standard output. Longer than any `--timeout` that a caller gives kubectl itself: 120 s. @throws CommandError */
  kubectl(...args: readonly string[]): Promise<string>;
  /** `kubectl apply`, of objects. */
  apply(...objects: readonly object[]): Promise<string>;
  /** `kubectl apply --server-side`, of one object. @returns the object as it is then, in JSON */
  serverSideApply(manifest: object, options: ServerSideApplyOptions): Promise<string>;
  /** Standard output of a command in a container. */
  exec(namespace: string, pod: string, container: string, ...command: readonly string[]): Promise<string>;
  importImage(image: Pick<BuiltImage, "archive">): Promise<void>;
  /** Sends a signal to the first process of a running container, as the node's administrator can. */
  signal(namespace: string, pod: string, container: string, signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerSideApplyOptions {
  /** Field manager. */
  readonly manager: string;
  /** Takes over what others have set; without, another value of theirs is a conflict, and the command fails. */
  readonly force?: boolean;
}

export interface ClusterOptions extends ControlPlaneOptions {
  readonly log?: (line: string) => void;
  /** Besides those for tests and the sidecar. */
  readonly images?: readonly BuiltImage[];
}

/** Takes 10 s; several suites that begin beside each other have two cores for everything. */
const startWithinMs = 300_000;

/** Starts the cluster and waits until its node takes pods. */
export async function startCluster(world: World, options: ClusterOptions = {}): Promise<Cluster> {
  const log = options.log ?? (() => undefined);
  const started = Date.now();
  const since = (): string => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  const binary = await ensureKubernetesBinary(log);
  const [testImages, sidecarImage] = await Promise.all([
    ensureTestImages(log),
    ensureEnvoy(log).then((envoy) => ensureSidecarImage(envoy, log)),
  ]);
  const [kubeconfigPath, containerd] = await Promise.all([
    startControlPlane(world, binary, options),
    startContainerd(world).then(async (it) => {
      await Promise.all(testImages.map((image) => it.importImage(image)));
      return it;
    }),
  ]);
  const otherImages = Promise.all(
    [sidecarImage, ...(options.images ?? [])].map((image) => containerd.importImage(image)),
  );
  const kubectlWith = kubectlOn(binary, kubeconfigPath);
  await writeKubectl(world, binary, kubeconfigPath);

  await until("the API server", startWithinMs, world, "kube-apiserver", async () => {
    await kubectlWith(["get", "--raw", "/readyz"], { timeoutMs: 5_000 });
    return true;
  });
  log(`API server ready after ${since()}`);
  const apply = kubectlWith(["apply", "--filename", "-"], { input: listOf(dnsObjects(world.address)) });
  const [kubelet] = await Promise.all([
    startNode(world, binary, containerd),
    apply.then(() => startDns(world, binary)),
  ]);
  await until("the node", startWithinMs, world, "kubelet", async () => {
    const node = JSON.parse(await kubectlWith(["get", "node", nodeName, "-o", "json"])) as NodeObject;
    const ready = node.status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") ?? false;
    return ready && (node.spec?.taints ?? []).length === 0;
  });
  await until("the default service account", startWithinMs, world, "kube-controller-manager", async () => {
    await kubectlWith(["get", "serviceaccount", "default", "-n", "default"]);
    return true;
  });
  await otherImages;
  log(`node ready after ${since()}`);

  return { ...clusterIn(world, containerd, kubectlWith, kubeconfigPath), kubelet };
}

/** A cluster that another process holds. */
export async function openCluster(record: WorldRecord): Promise<Cluster> {
  const world = await openWorld(record);
  const path = join(world.directory, "admin.kubeconfig");
  return clusterIn(world, openContainerd(world), kubectlOn(await ensureKubernetesBinary(), path), path);
}

function clusterIn(world: World, containerd: Containerd, kubectlWith: Kubectl, path: string): Cluster {
  return {
    world,
    kubeconfigPath: path,
    auditLogPath: world.auditLogPath,
    containerd,
    kubelet: undefined,
    kubectl: (...args) => kubectlWith(args, { timeoutMs: 120_000 }),
    apply: (...objects) => kubectlWith(["apply", "--filename", "-"], { input: listOf(objects) }),
    serverSideApply(manifest, { manager, force = false }) {
      const flags = [`--force-conflicts=${force}`, "--field-manager", manager, "--output", "json", "--filename", "-"];
      return kubectlWith(["apply", "--server-side", ...flags], { input: JSON.stringify(manifest) });
    },
    exec: (namespace, pod, container, ...command) =>
      kubectlWith(["exec", "--namespace", namespace, pod, "--container", container, "--", ...command]),
    importImage: (image) => containerd.importImage(image),
    async signal(namespace, pod, container, signal) {
      const id = await containerId(kubectlWith, namespace, pod, container);
      await containerd.ctr("tasks", "kill", "--signal", signal, id);
    },
    stop: () => world.stop(),
  };
}

function listOf(objects: readonly object[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
}

interface NodeObject {
  readonly spec?: { readonly taints?: readonly object[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function containerId(kubectl: Kubectl, namespace: string, pod: string, container: string): Promise<string> {
  const kinds = ["containerStatuses", "initContainerStatuses"];
  const path = kinds.map((kind) => `{.status.${kind}[?(@.name=="${container}")].containerID}`).join("");
  const id = (await kubectl(["get", "pod", pod, "-n", namespace, "-o", `jsonpath=${path}`])).trim();
  if (!id.startsWith("containerd://")) throw new Error(`pod ${namespace}/${pod}: no running container ${container}`);
  return id.slice("containerd://".length);
}

async function until(
  what: string,
  timeoutMs: number,
  world: World,
  server: string,
  isTrue: () => Promise<boolean>,
): Promise<void> {
  // The world is gone with its logs by the time that anybody reads this.
  const tell = async () => `its log ends so:\n${(await readFile(world.logPath(server), "utf8")).slice(-2_000)}`;
  await eventually(`${what} is ready`, isTrue, { withinMs: timeoutMs, everyMs: 150, tell });
}
