import { Resolver } from "node:dns/promises";
import { readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "#test/eventually.ts";
import { CommandError } from "../../tools/setup/command.ts";
import type { AuditEvent } from "./audit-policy.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { completeJsonLines } from "./complete-lines.ts";
import { leftovers, processesIn } from "./leftovers.ts";
import { type ProbeLine, probeLines, testPod, testService } from "./objects.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
let cluster: Cluster;

beforeAll(async () => {
  const started = Date.now();
  world = await startWorld();
  cluster = await startCluster(world, { log: console.log });
  console.log(`world and cluster up after ${Date.now() - started} ms`);
  await cluster.apply(
    testPod("client", "default", ["sleep", "86400"]),
    testPod("web"),
    testService("web"),
    testService("web-headless", "default", { selector: { app: "web" }, clusterIP: "None" }),
  );
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/client", "pod/web", "--timeout=60s");
  // The API server has the endpoint before kube-proxy and the name server do.
  await probeUntilDone("http", "http://web/");
});

afterAll(() => world?.stop());

/** The last line of `probe` in the client pod, whether it succeeded or not. */
async function probe(...words: readonly string[]): Promise<ProbeLine> {
  const output = await cluster.exec("default", "client", "app", "probe", ...words).catch((cause: unknown) => {
    if (cause instanceof CommandError && cause.stdout !== "") return cause.stdout;
    throw cause;
  });
  const last = probeLines(output).at(-1);
  if (!last) throw new Error(`probe ${words.join(" ")} printed nothing`);
  return last;
}

async function probeUntilDone(...words: readonly string[]): Promise<void> {
  const isDone = async () => (await probe(...words)).event === "done";
  await eventually(`probe ${words.join(" ")} succeeds`, isDone, { withinMs: 30_000, everyMs: 200 });
}

async function look(...words: readonly string[]): Promise<string> {
  return cluster.exec("default", "client", "app", "nslookup", ...words);
}

const podIp = (name: string): Promise<string> => cluster.kubectl("get", "pod", name, "-o", "jsonpath={.status.podIP}");

describe("cluster", () => {
  test("the servers are the version that they say, with the admission chain that Kubernetes has by default", async () => {
    expect(JSON.parse(await cluster.kubectl("version", "-o", "json"))).toMatchObject({
      serverVersion: { major: "1", minor: "36", gitVersion: "v1.36.3" },
    });
    const log = await readFile(world.logPath("kube-apiserver"), "utf8");
    expect(log).toMatch(/mutating admission controller.*ServiceAccount.*MutatingAdmissionPolicy/);
    expect(log).toMatch(/validating admission controller.*PodSecurity.*ValidatingAdmissionPolicy.*ResourceQuota/);
    expect(
      await cluster.exec("default", "client", "app", "ls", "/var/run/secrets/kubernetes.io/serviceaccount"),
    ).toContain("token");
  });

  test("exec, logs and pods/proxy work, and the audit log says who used them", async () => {
    expect(await cluster.exec("default", "client", "app", "echo", "here")).toBe("here\n");
    expect(probeLines(await cluster.kubectl("logs", "web"))[0]).toMatchObject({ event: "listening", http: 8080 });
    const path = "/api/v1/namespaces/default/pods/web:8080/proxy/asked";
    expect(await cluster.kubectl("get", "--raw", path)).toMatch(/^web \/asked from /);
    const used = expect.objectContaining({
      verb: "get",
      user: expect.objectContaining({ username: "admin" }),
      objectRef: expect.objectContaining({ resource: "pods", subresource: "proxy", name: "web:8080" }),
    });
    // An event is written after its answer.
    const events = async () => (await completeJsonLines(cluster.auditLogPath)) as readonly AuditEvent[];
    await expect.poll(events, { timeout: 15_000 }).toContainEqual(used);
    const seen = new Set((await events()).map(({ objectRef }) => objectRef?.resource));
    for (const resource of ["leases", "events", "configmaps"]) expect(seen).toContain(resource);
  });

  test("a stopped container is stopped until it is told to go on", async () => {
    const ask = (): Promise<string> =>
      cluster.kubectl("get", "--raw", "/api/v1/namespaces/default/pods/web:8080/proxy/");
    await cluster.signal("default", "web", "app", "SIGSTOP");
    expect((await probe("-timeout", "500ms", "http", "http://web/")).error).toMatch(/[Tt]imeout/);
    await cluster.signal("default", "web", "app", "SIGCONT");
    expect(await ask()).toMatch(/^web \//);
  });
});

describe("names", () => {
  test.each(["web", "web.default", "web.default.svc", "web.default.svc.cluster.local"])(
    "%s is the Service",
    async (name) => {
      expect(await probe("http", `http://${name}/x`)).toMatchObject({
        event: "done",
        body: expect.stringMatching(/^web \/x/),
      });
    },
  );

  test("a headless Service is its pods' addresses, by name, by pod and by port", async () => {
    const ip = await podIp("web");
    expect(await look("web-headless.default.svc.cluster.local")).toContain(`Address: ${ip}`);
    const own = `${ip.replaceAll(".", "-")}.web-headless.default.svc.cluster.local`;
    expect(await look(own)).toContain(`Address: ${ip}`);
    expect(await look("-type=srv", "_http._tcp.web-headless.default.svc.cluster.local")).toContain(`8080 ${own}`);
    expect(await look("-type=srv", "_http._tcp.web.default.svc.cluster.local")).toContain(
      "80 web.default.svc.cluster.local",
    );
  });

  test("an answer too long for UDP comes whole by TCP", async () => {
    const endpoints = Array.from({ length: 200 }, (_, index) => `10.244.14.${index + 1}`);
    await cluster.apply(testService("many", "default", { clusterIP: "None", selector: null }), {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "many", namespace: "default", labels: { "kubernetes.io/service-name": "many" } },
      addressType: "IPv4",
      endpoints: endpoints.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: [],
    });
    const resolver = new Resolver();
    resolver.setServers([world.address]);
    const found = (): Promise<readonly string[]> => resolver.resolve4("many.default.svc.cluster.local").catch(() => []);
    await expect.poll(async () => new Set(await found()), { timeout: 30_000 }).toEqual(new Set(endpoints));
  });

  test("an address of a Service has its name", async () => {
    expect(await look("10.96.0.1")).toContain("name = kubernetes.default.svc.cluster.local");
  });

  test.each([
    "nobody.default.svc.cluster.local",
    "web.nowhere.svc.cluster.local",
    "example.com",
    "localhost.localdomain",
  ])("%s does not exist, and nobody else is asked", async (name) => {
    await expect(look(name)).rejects.toMatchObject({ stdout: expect.stringContaining("NXDOMAIN") });
  });

  test("a name outside the cluster is known as soon as the world is told", async () => {
    await world.addNames(world.address, "aws.test");
    expect(await look("aws.test")).toContain(`Address: ${world.address}`);
  });
});

describe("outside", () => {
  test("HTTP, TLS, TCP and UDP arrive there, from the pod's own address", async () => {
    const { http, tls, tcp, udp } = world.outside.sites;
    await world.outside.forget();
    expect(await probe("http", `http://${http.name}/hello`)).toMatchObject({ event: "done", body: "outside /hello\n" });
    expect(await probe("tls", tls.target)).toMatchObject({ event: "done", subject: tls.name });
    expect(await probe("tcp", tcp.target, "ping")).toMatchObject({ event: "done", answer: "ping\n" });
    expect(await probe("udp", udp.target, "ping")).toMatchObject({ event: "done", answer: "ping\n" });
    const from = await podIp("client");
    const arrived = await world.outside.arrivals();
    expect(arrived.map((each) => each.kind)).toEqual(["http", "tls", "tcp", "udp"]);
    for (const each of arrived) expect(each).toMatchObject({ from, bytes: expect.toSatisfy((bytes) => bytes > 0) });
    expect(arrived[0]).toMatchObject({ paths: ["/hello"] });
  });

  test("HTTP and UDP arrive by IPv6 too", async () => {
    const { http, udp } = world.outside.sites;
    await probeUntilDone("http", `http://${http.name6}/six`);
    expect(await probe("udp", `${udp.name6}:${udp.port}`, "six")).toMatchObject({ event: "done", answer: "six\n" });
  });

  test("a connection that stays open is seen open, and its end is seen", async () => {
    const { tcp } = world.outside.sites;
    await world.outside.forget();
    await cluster.apply(testPod("holder", "default", ["probe", "tcp-send", tcp.target]));
    await cluster.kubectl("wait", "--for=condition=Ready", "pod/holder", "--timeout=60s");
    await expect
      .poll(() => world.outside.arrivals(), { timeout: 30_000 })
      .toContainEqual(expect.not.objectContaining({ closedAt: expect.anything() }));
    await cluster.kubectl("delete", "pod", "holder", "--grace-period=0", "--force", "--wait=true");
    // Killed with an answer that it has not read, its node resets it.
    const closedBy = expect.stringMatching(/^(end|ECONNRESET)$/);
    await expect
      .poll(() => world.outside.arrivals(), { timeout: 30_000 })
      .toEqual([expect.objectContaining({ kind: "tcp", closedAt: expect.any(Number), closedBy })]);
  });

  test.each(["198.51.100.1", "203.0.113.1", "198.19.0.1", "10.254.255.1"])("%s is nowhere", async (address) => {
    expect((await probe("http", `http://${address}/`)).error).toMatch(/no route to host|network is unreachable/);
  });
});

test("after a stop nothing is left on the machine", async () => {
  const { slot } = world.record;
  const namespace = readlinkSync(`/proc/${world.initPid}/ns/pid`);
  const kinds = new Set((await leftovers(slot)).map((each) => each.split(" ")[0]));
  expect(kinds).toEqual(new Set(["link", "route", "cgroup", "process", "directory"]));
  expect(processesIn(namespace).length).toBeGreaterThan(10);
  const started = Date.now();
  await world.stop();
  console.log(`stopped after ${Date.now() - started} ms`);
  expect(await leftovers(slot)).toEqual([]);
  expect(processesIn(namespace)).toEqual([]);
});
