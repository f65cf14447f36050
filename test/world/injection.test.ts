import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { annotations, osmNamespace } from "#lib/mesh/names.ts";
import type { OutsidePod, RolloutStatus } from "#lib/rollout/status.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { startWorld, type World } from "#test/cluster/world.ts";
import { bundle } from "../../tools/bundle.ts";
import { patchEgress } from "./mesh-pods.ts";
import { type OsmCommand, osmCommand } from "./osm-command.ts";
import { probeOnce } from "./probe.ts";
import { podKindsSuite } from "./suites/pod-kinds.ts";

const shop = "shop";
const image = "osm-egress/test-app:test";

let world: World;
let cluster: Cluster;
let osm: OsmCommand;

async function must(...args: readonly string[]): Promise<string> {
  const result = await osm(...args);
  expect([args, result.exitCode, result.stderr]).toEqual([args, 0, ""]);
  return result.stdout;
}

/** A pod that serves, with its differences. */
function pod(
  name: string,
  spec: object = {},
  podAnnotations: Readonly<Record<string, string>> = {},
  namespace = shop,
): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name }, annotations: podAnnotations },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image }], ...spec },
  };
}

async function ready(name: string, namespace = shop): Promise<void> {
  await cluster.kubectl("wait", "--for=condition=Ready", `pod/${name}`, "--namespace", namespace, "--timeout=60s");
}

/** Whether `probe` in the pod gets an answer. */
async function reaches(name: string, ...probe: readonly string[]): Promise<boolean> {
  return (await probeOnce(cluster, { namespace: name === "control" ? "outside-mesh" : shop, pod: name }, ...probe))
    .reached;
}

/** No forwarder is here to take the change up. */
async function setEgress(value: boolean): Promise<void> {
  await patchEgress(cluster, String(value));
  await must("reconcile");
}

beforeAll(async () => {
  await bundle();
  world = await startWorld();
  cluster = await startCluster(world);
  osm = osmCommand(cluster.kubeconfigPath);
  await must("install", "--enable-permissive-traffic-policy");
  await cluster.apply(
    ...[shop, "outside-mesh"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    pod("control", {}, {}, "outside-mesh"),
  );
  await must("namespace", "add", shop);
  await cluster.apply(pod("plain"));
  await Promise.all([ready("plain"), ready("control", "outside-mesh")]);
});

afterAll(async () => {
  await world?.stop();
});

/** What an unmeshed pod reaches: a refusal proves something only beside it. */
const roads = (): Record<string, readonly string[]> => {
  const { http, tls, tcp, udp } = world.outside.sites;
  return {
    HTTP: ["http", `http://${http.target}/`],
    TLS: ["tls", tls.target],
    TCP: ["tcp", tcp.target],
    UDP: ["udp", udp.target],
    "TCP over IPv6": ["tcp", `[${tcp.address6}]:${tcp.port}`],
    "UDP over IPv6": ["udp", `[${udp.address6}]:${udp.port}`],
  };
};

async function open(name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [road, probe] of Object.entries(roads())) if (await reaches(name, ...probe)) found.push(road);
  return found;
}

describe("traffic of an injected pod", () => {
  test("outside the mesh every road is open", async () => {
    // One datagram may be lost, and nobody sends it again.
    await expect.poll(() => open("control"), { timeout: 30_000 }).toEqual(Object.keys(roads()));
  });

  test("egress off: none is, and nothing arrived; names are still looked up", async () => {
    await world.outside.forget();
    expect(await open("plain")).toEqual([]);
    expect(await world.outside.arrivals()).toEqual([]);
    const lookup = await cluster.exec(shop, "plain", "app", "nslookup", world.outside.sites.http.name);
    expect(lookup).toContain(world.outside.sites.http.address);
  });

  test("egress on: what TCP over IPv4 carries is, and nothing else", async () => {
    await setEgress(true);
    expect(await open("plain")).toEqual(["HTTP", "TLS", "TCP"]);
    await setEgress(false);
    expect(await open("plain")).toEqual([]);
  });

  test("loopback is free, by TCP, IPv6 too", async () => {
    expect(await reaches("plain", "tcp", "127.0.0.1:8081")).toBe(true);
    expect(await reaches("plain", "tcp", "[::1]:8081")).toBe(true);
  });

  test("the sidecar's own user has no UDP either", async () => {
    await cluster.apply(pod("as-envoy", { securityContext: { runAsUser: 1500 } }));
    await ready("as-envoy");
    const lookup = await cluster.kubectl(
      "exec",
      "-n",
      shop,
      "as-envoy",
      "-c",
      "app",
      "--",
      "sh",
      "-c",
      `nslookup ${world.outside.sites.http.name} 2>&1; true`,
    );
    expect(lookup).not.toContain(world.outside.sites.http.address);
  });
});

describe("pods of every kind", () => podKindsSuite(() => ({ world, cluster, osm })));

describe("pods that are not injected", () => {
  test("the host's network is left alone", async () => {
    await cluster.apply(
      pod("on-host", { hostNetwork: true, containers: [{ name: "app", image, command: ["sleep", "600"] }] }),
    );
    await ready("on-host");
    const names = await cluster.kubectl(
      "get",
      "pod",
      "-n",
      shop,
      "on-host",
      "-o",
      "jsonpath={.spec.initContainers[*].name}",
    );
    expect(names).toBe("");
    const rules = await world.run(["iptables-save", "-t", "nat"]);
    expect(rules.stdout).toContain("*nat");
    expect(rules.stdout).not.toContain("PROXY_OUTPUT");
  });

  test("opted out: open", async () => {
    await cluster.apply(pod("opted-out", {}, { [annotations.injection]: "disabled" }));
    await ready("opted-out");
    expect(await reaches("opted-out", "tcp", world.outside.sites.tcp.target)).toBe(true);
  });
});

describe("a pod's own exclusions", () => {
  /** What a Deployment of one pod says of its pod. */
  const workload = (name: string, podAnnotations: Readonly<Record<string, string>>) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: shop },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name }, annotations: podAnnotations },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image }] },
      },
    },
  });

  test("open what they name, and UDP, in that pod alone; its controller needs the namespace's leave", async () => {
    const { http, tls } = world.outside.sites;
    const given = {
      [annotations.excludedRanges]: `${http.address}/32`,
      [annotations.excludedPorts]: String(tls.port),
      [annotations.allowUdp]: "true",
    };
    await cluster.apply(workload("exempt", given));
    const ofExempt = ["-n", shop, "-l", "app=exempt"];
    await expect
      .poll(() => cluster.kubectl("get", "deployment", "-n", shop, "exempt", "-o", "jsonpath={.status.conditions}"), {
        timeout: 20_000,
      })
      .toContain("system:serviceaccount:kube-system:deployment-controller lacks verb exempt");
    expect(await cluster.kubectl("get", "replicasets,pods", ...ofExempt, "-o", "name")).toBe("");

    await cluster.kubectl("annotate", "namespace", shop, `${annotations.allowExemptPods}=true`);
    await cluster.kubectl("rollout", "status", "deployment/exempt", "-n", shop, "--timeout=90s");
    const name = await cluster.kubectl("get", "pods", ...ofExempt, "-o", "jsonpath={.items[0].metadata.name}");
    expect(await open(name)).toEqual(["HTTP", "TLS", "UDP"]);
    expect(await open("plain")).toEqual([]);
    await cluster.kubectl("delete", "deployment", "-n", shop, "exempt");
  });

  test("keep out of the Service range that the cluster has, which a pass has read", async () => {
    await must("reconcile");
    const dns = (
      await cluster.kubectl("get", "service", "-n", "kube-system", "-o", "jsonpath={.items[0].spec.clusterIP}")
    ).trim();
    const refused = (range: string) =>
      cluster.apply(pod("reaching", {}, { [annotations.excludedRanges]: range })).then(() => "created", String);
    const range = (await cluster.kubectl("get", "servicecidr", "kubernetes", "-o", "jsonpath={.spec.cidrs[0]}")).trim();
    await expect
      .poll(() => refused(range), { timeout: 10_000 })
      .toContain(`is in the cluster's Service range ${range}`);
    expect(await refused(`${dns}/32`)).toBe("created");
    await cluster.kubectl("delete", "pod", "-n", shop, "reaching", "--wait=false");
  });
});

describe("exclusions and the sidecar's end", () => {
  async function patchData(data: object): Promise<void> {
    const patch = JSON.stringify({ data });
    await cluster.kubectl("patch", "configmap", "osm-config", "-n", osmNamespace, "--type=merge", "-p", patch);
  }

  test("an excluded port and an excluded range are not captured, in pods created later", async () => {
    const { tcp, http, tls } = world.outside.sites;
    const data = {
      outbound_port_exclusion_list: String(tcp.port),
      outbound_ip_range_exclusion_list: `${http.address}/32`,
    };
    await patchData(data);
    await must("reconcile");
    await expect
      .poll(
        async () =>
          cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", await written(pod("probe-exclusion"))),
        { timeout: 10_000 },
      )
      .toContain(`"${http.address}/32"`);
    await cluster.apply(pod("excluding"));
    await ready("excluding");
    expect(await reaches("excluding", "tcp", tcp.target)).toBe(true);
    expect(await reaches("excluding", "http", `http://${http.target}/`)).toBe(true);
    expect(await reaches("excluding", "tls", tls.target)).toBe(false);
    expect(await reaches("plain", "tcp", tcp.target)).toBe(false);
  });

  test("an exclusion that is withdrawn: pods that still have it are named, and are to be restarted", async () => {
    const data = { outbound_port_exclusion_list: null, outbound_ip_range_exclusion_list: null };
    await patchData(data);
    await must("reconcile");
    const { http, tcp } = world.outside.sites;
    expect(await reaches("excluding", "tcp", tcp.target)).toBe(true);
    const said = await must("egress", "status", "--explain", `${shop}/excluding`);
    expect(said).toContain(`the pod leaves ${http.address}/32, port ${tcp.port} uncaptured`);
    const outside = JSON.parse(await must("egress", "status", "--outside", "-o", "json")) as readonly OutsidePod[];
    const named = outside.filter(({ reasons }) => reasons.some(({ code }) => code === "OutdatedCapture"));
    expect(named.map((one) => one.pod)).toEqual([`${shop}/excluding`]);
    const { outsideGuarantee = [] } = JSON.parse(await must("egress", "status", "-o", "json")) as RolloutStatus;
    expect(outside.map(({ pod }) => pod)).toEqual(expect.arrayContaining(outsideGuarantee.map(({ pod }) => pod)));
    expect(await must("restart", "--outdated", "--dry-run")).toMatch(/shop\/excluding\s+-\s+other exclusions/);
    await cluster.kubectl("delete", "pod", "excluding", "-n", shop);
  });

  test("a killed sidecar comes back, and nothing gets out meanwhile", async () => {
    await cluster.signal(shop, "plain", "envoy", "SIGKILL");
    expect(await reaches("plain", "tcp", world.outside.sites.tcp.target)).toBe(false);
    await expect
      .poll(
        () => cluster.kubectl("get", "--raw", `/api/v1/namespaces/${shop}/pods/plain:15010/proxy/ready`).catch(String),
        { timeout: 20_000 },
      )
      .toContain("LIVE");
    expect(await reaches("plain", "tcp", world.outside.sites.tcp.target)).toBe(false);
  });
});

describe("osm namespace", () => {
  test("where quota and limits are set, pods start too, in their own class", async () => {
    const bounded = "bounded";
    const hard = { "limits.cpu": "2", "limits.memory": "1Gi", "requests.cpu": "1", "requests.memory": "1Gi" };
    const usual = { cpu: "100m", memory: "64Mi" };
    await cluster.apply(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: bounded } },
      { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "quota", namespace: bounded }, spec: { hard } },
      {
        apiVersion: "v1",
        kind: "LimitRange",
        metadata: { name: "limits", namespace: bounded },
        spec: {
          limits: [{ type: "Container", default: usual, defaultRequest: usual, max: { cpu: "1", memory: "512Mi" } }],
        },
      },
    );
    expect(await must("namespace", "add", bounded)).toContain(
      "Namespace [bounded]: successfully added to mesh [osm]\n",
    );
    await cluster.apply(pod("small", {}, {}, bounded));
    await ready("small", bounded);
    const path = "jsonpath={.status.qosClass} {.spec.initContainers[*].name}";
    expect(await cluster.kubectl("get", "pod", "-n", bounded, "small", "-o", path)).toBe("Guaranteed osm-init envoy");
    await cluster.kubectl("delete", "namespace", bounded, "--wait=false");
  });

  test("add refuses where Pod Security forbids the capture, and changes nothing", async () => {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "guarded", labels } });
    const refused = await osm("namespace", "add", "guarded");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("Pod Security level restricted:latest forbids NET_ADMIN");
    expect(refused.stderr).toContain("→ kubectl label namespace guarded pod-security.kubernetes.io/enforce=privileged");
    expect(await must("namespace", "list", "-o", "json")).not.toContain("guarded");
    expect(await cluster.kubectl("get", "configmaps", "-n", "guarded", "-o", "name")).not.toContain("osm-sidecar");
  });

  test("list names members and their injection", async () => {
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "quiet" } });
    await must("namespace", "add", "quiet", "--disable-sidecar-injection");
    const listed: unknown = JSON.parse(await must("namespace", "list", "-o", "json"));
    expect(listed).toContainEqual({ name: "quiet", mesh: "osm", sidecarInjection: "disabled" });
    expect(listed).toContainEqual({ name: shop, mesh: "osm", sidecarInjection: "enabled" });
    expect((await must("namespace", "list")).split("\n").map((line) => line.split(/\s+/))).toContainEqual([
      shop,
      "osm",
      "enabled",
    ]);
  });
});

/** A file with the object, for kubectl. */
async function written(object: object): Promise<string> {
  const { writeFile } = await import("node:fs/promises");
  const file = `${world.directory}/object.json`;
  await writeFile(file, JSON.stringify(object));
  return file;
}
