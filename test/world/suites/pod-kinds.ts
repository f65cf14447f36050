import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { osmNamespace } from "#lib/mesh/names.ts";
import type { Cluster } from "#test/cluster/cluster.ts";
import type { World } from "#test/cluster/world.ts";
import { eventually } from "#test/eventually.ts";
import type { OsmCommand } from "../osm-command.ts";
import {
  endingKinds,
  hostPort,
  kindsNamespace,
  longAccount,
  longNamespace,
  type PodKind,
  podKinds,
  seccompProfile,
  staticPod,
  untilThere,
} from "../pod-kinds.ts";
import { probeOnce } from "../probe.ts";

export interface KindsMesh {
  readonly world: World;
  readonly cluster: Cluster;
  readonly osm: OsmCommand;
}

const byHand = "by-hand";
const deploymentByHand = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: byHand },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image: "osm-egress/test-app:test" }] },
    },
  },
};

/** Pods of every kind that a kubelet sees differently, all started at once. Egress is off. */
export function podKindsSuite(theMesh: () => KindsMesh): void {
  const outside = () => theMesh().world.outside.sites.tcp.target;

  beforeAll(async () => {
    const { cluster, osm, world } = theMesh();
    await Promise.all([
      written(join(world.directory, "kubelet/seccomp", seccompProfile), { defaultAction: "SCMP_ACT_ALLOW" }),
      written(staticFile(world), staticPod.manifest),
    ]);
    await cluster.apply(
      ...[kindsNamespace, longNamespace, byHand].map((name) => ({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name },
      })),
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: longAccount, namespace: longNamespace } },
    );
    for (const args of [
      [kindsNamespace, longNamespace],
      [byHand, "--disable-sidecar-injection"],
    ]) {
      const added = await osm("namespace", "add", ...args);
      expect([added.exitCode, added.stderr]).toEqual([0, ""]);
    }
    await applyByHand();
    await eventually("the policy knows the long account", async () => {
      return cluster.apply(...[...podKinds(outside()), ...endingKinds].flatMap(({ objects }) => objects));
    });
  });

  /** One node has room for these or for what comes after them. */
  afterAll(async () => {
    const { cluster, world } = theMesh();
    await rm(staticFile(world), { force: true });
    await cluster.kubectl("delete", "namespace", kindsNamespace, longNamespace, byHand, "--timeout=100s");
  });

  /** As in a cluster whose API server injects nothing: `osm inject` alone, from files. */
  async function applyByHand(): Promise<void> {
    const { cluster, osm, world } = theMesh();
    const at = (name: string) => join(world.directory, name);
    await written(at("by-hand.json"), deploymentByHand);
    const injection = await cluster.kubectl("get", "meshinjection", "osm-config", "-n", osmNamespace, "-o", "json");
    await writeFile(at("mesh-injection.json"), injection);
    const injected = await osm("inject", "-f", at("by-hand.json"), "--mesh-injection", at("mesh-injection.json"));
    expect([injected.exitCode, injected.stderr]).toEqual([0, `Deployment ${byHand}/web: injected\n`]);
    await writeFile(at("injected.yaml"), injected.stdout);
    await cluster.kubectl("apply", "-f", at("injected.yaml"));
  }

  const reaches = async ({ namespace, pod }: Pick<PodKind, "namespace" | "pod">, target: string): Promise<boolean> =>
    (await probeOnce(theMesh().cluster, { namespace, pod }, "tcp", target)).reached;

  const expectCaptured = async (where: Pick<PodKind, "namespace" | "pod">): Promise<void> => {
    expect(await reaches(where, outside())).toBe(false);
    expect(await reaches(where, "127.0.0.1:8081")).toBe(true);
  };

  // The targets are known only when the world is there; what is run is not.
  test.each(podKinds("").map(({ what }, at) => ({ what, at })))("$what: starts, captured", async ({ at }) => {
    const kind = podKinds(outside())[at];
    if (!kind) throw new Error(`no kind ${at}`);
    await untilThere(theMesh().cluster, kind);
    await expectCaptured(kind);
  });

  test.each(endingKinds)("$what: ends, and its sidecar with it", async (kind) => {
    await untilThere(theMesh().cluster, kind);
  });

  test.each(["with-init", "with-sidecar"])("%s: what starts before the app is captured already", async (pod) => {
    const log = await theMesh().cluster.kubectl("logs", "-n", kindsNamespace, pod, "-c", "own");
    expect(log).toContain('"event":"failed"');
  });

  test("the pod's own native sidecar starts when ours has its configuration", async () => {
    const path = "jsonpath={.status.initContainerStatuses[*].name} {.status.initContainerStatuses[*].started}";
    const said = await theMesh().cluster.kubectl("get", "pod", "-n", kindsNamespace, "with-sidecar", "-o", path);
    expect(said).toBe("osm-init envoy own false true true");
  });

  test("a port of the host leads into the pod", async () => {
    const { world } = theMesh();
    const { stdout } = await world.run(["busybox", "wget", "-q", "-O", "-", `http://${world.address}:${hostPort}/`]);
    expect(stdout).not.toBe("");
  });

  test("tokens and files are where the pod put them, and in our containers no token is", async () => {
    const { cluster } = theMesh();
    expect(await cluster.exec(kindsNamespace, "own-token", "app", "cat", "/tokens/vault")).toContain(".");
    expect(await cluster.exec(kindsNamespace, "sub-path", "app", "cat", "/only")).toBe("kept\n");
    const path = "jsonpath={.items[*].spec.initContainers[*].volumeMounts[*].name}";
    for (const [namespace, app] of [
      [kindsNamespace, "own-token"],
      [byHand, "web"],
    ] as const) {
      const mounts = await cluster.kubectl("get", "pod", "-l", `app=${app}`, "-n", namespace, "-o", path);
      expect(mounts).toBe("osm-sidecar-config osm-sidecar-config osm-sidecar-run osm-sidecar-config");
    }
  });

  test("a static pod is left as it is: its mirror has no sidecar, and nothing captures it", async () => {
    const { cluster } = theMesh();
    const where = { namespace: kindsNamespace, pod: staticPod.mirror };
    // Whenever the kubelet looks at that directory.
    await cluster.kubectl("wait", "--for=create", `pod/${where.pod}`, "-n", where.namespace, "--timeout=60s");
    await untilThere(cluster, { ...where, what: "", objects: [] });
    const path = "jsonpath={.spec.initContainers}{.metadata.annotations.kubernetes\\.io/config\\.source}";
    expect(await cluster.kubectl("get", "pod", "-n", where.namespace, where.pod, "-o", path)).toBe("file");
    expect(await reaches(where, outside())).toBe(true);
  });

  test("a Deployment out of osm inject, where the API server injects nothing: starts, captured, and answers", async () => {
    const { cluster } = theMesh();
    await cluster.kubectl("rollout", "status", "deployment/web", "-n", byHand, "--timeout=110s");
    await expectCaptured({ namespace: byHand, pod: "deployment/web" });
    const path = "jsonpath={.items[0].metadata.name}";
    const name = await cluster.kubectl("get", "pod", "-n", byHand, "-l", "app=web", "-o", path);
    const ready = await cluster.kubectl("get", "--raw", `/api/v1/namespaces/${byHand}/pods/${name}:15010/proxy/ready`);
    expect(ready).toContain("LIVE");
  });
}

/** Where the node's kubelet looks for pods of its own. */
function staticFile(world: World): string {
  return join(world.directory, "static-pods/static.json");
}

async function written(file: string, object: object): Promise<void> {
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, JSON.stringify(object));
}
