import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sidecar } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { expectJson, mergePatch } from "../measure/bare-client.ts";
import type { BenchMesh } from "../measure/bench-mesh.ts";
import { accountNames, namespacesOf, nodesOf, podsOf, range, type Shape, type SimulatedPod } from "./shape.ts";

/**
 * Pods without a kubelet: nodes that are objects and nothing else, pods bound to them by name and injected as any other,
 * their status written by hand, and one server that answers in place of all sidecars. API server and etcd are real.
 */
export async function simulate(bench: BenchMesh, shape: Shape, step: (text: string) => void): Promise<void> {
  const { mesh, admin } = bench;
  // Whatever is asked there before the server listens ends here.
  await mesh.world.run(["ip", "route", "add", "unreachable", range, "metric", "4278198272"]);
  await mesh.world.run(["ip", "route", "add", "local", range, "dev", "lo"]);
  const script = join(import.meta.dirname, "sidecars-server.ts");
  const args = [mesh.cluster.kubeconfigPath, String(shape.pods), String(shape.accounts)];
  const server = await mesh.world.spawn("simulated-sidecars", [process.execPath, script, ...args]);
  const isListening = async () => (await readFile(server.logPath, "utf8")).includes("listening");
  await eventually("the simulated sidecars listen", isListening, { everyMs: 100, tell: () => `see ${server.logPath}` });

  step("nodes, namespaces, accounts");
  const namespaces = namespacesOf(shape);
  await mesh.cluster.apply(
    ...nodesOf(shape).map(nodeObject),
    ...namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...namespaces.flatMap((namespace) => accountNames.map((name) => accountObject(namespace, name))),
    ...namespaces.map(serviceObject),
  );
  const added = await mesh.osm("namespace", "add", ...namespaces);
  if (added.exitCode !== 0) throw new Error(`osm namespace add: ${added.stderr}`);

  const pods = podsOf(shape);
  let done = 0;
  await Promise.all(
    pods.map(async (pod) => {
      const path = `/api/v1/namespaces/${pod.namespace}/pods`;
      const created = await expectJson<Pod>(admin.send("POST", path, podObject(pod)));
      await expectJson(admin.send("PATCH", `${path}/${pod.name}/status`, statusOf(pod, created), mergePatch));
      done++;
      if (done % 100 === 0) step(`simulated pods: ${done} of ${pods.length}`);
    }),
  );
}

interface Pod {
  readonly spec: {
    readonly initContainers?: readonly { readonly name: string; readonly image: string }[];
    readonly containers: readonly { readonly name: string; readonly image: string }[];
  };
}

/** Cordoned: nothing but what names it comes there. */
function nodeObject(name: string): object {
  return { apiVersion: "v1", kind: "Node", metadata: { name }, spec: { unschedulable: true } };
}

function accountObject(namespace: string, name: string): object {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
}

function serviceObject(namespace: string): object {
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace },
    spec: { selector: { app: "web" }, ports },
  };
}

function podObject({ namespace, name, account, node }: SimulatedPod): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: "web" } },
    spec: {
      nodeName: node,
      serviceAccountName: account,
      // The nodes never say that they are well.
      tolerations: [{ operator: "Exists" }],
      containers: [{ name: "app", image: "osm-egress/test-app:test" }],
    },
  };
}

function statusOf({ address }: SimulatedPod, { spec }: Pod): object {
  if (!spec.initContainers?.some(({ name }) => name === sidecar.container)) throw new Error("a pod was not injected");
  const startedAt = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const running = { running: { startedAt } };
  const status = ({ name, image }: { readonly name: string; readonly image: string }, state: object) => ({
    name,
    image,
    imageID: "",
    ready: true,
    restartCount: 0,
    started: true,
    state,
  });
  const ended = { terminated: { exitCode: 0, startedAt, finishedAt: startedAt } };
  return {
    status: {
      phase: "Running",
      podIP: address,
      podIPs: [{ ip: address }],
      startTime: startedAt,
      initContainerStatuses: spec.initContainers.map((each) =>
        status(each, each.name === sidecar.captureContainer ? ended : running),
      ),
      containerStatuses: spec.containers.map((each) => status(each, running)),
    },
  };
}
