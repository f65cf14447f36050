import { Resolver } from "node:dns/promises";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "#test/eventually.ts";
import { addresses } from "./addresses.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { World } from "./world.ts";

const user = "test-dns";

/** Names outside the cluster that the cluster's DNS knows, one `ADDRESS NAME…` a line; it reads changes at once. */
export function hostsPath(directory: string): string {
  return join(directory, "hosts");
}

export async function addNames(directory: string, address: string, names: readonly string[]): Promise<void> {
  await appendFile(hostsPath(directory), `${address} ${names.join(" ")}\n`);
}

/** Service `kube-dns`, its endpoint on the node, and the right of the name server to watch what it serves. */
export function dnsObjects(address: string): readonly object[] {
  const labels = { "k8s-app": "kube-dns" };
  const ports = (["UDP", "TCP"] as const).map((protocol) => ({
    name: protocol === "UDP" ? "dns" : "dns-tcp",
    port: 53,
    protocol,
  }));
  const rights = [
    { apiGroups: [""], resources: ["services"], verbs: ["list", "watch"] },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
  ];
  const metadata = { name: user };
  const rbac = "rbac.authorization.k8s.io";
  return [
    { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata, rules: rights },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: user },
      subjects: [{ apiGroup: rbac, kind: "User", name: user }],
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "kube-dns", namespace: "kube-system", labels },
      spec: { clusterIP: addresses.dnsService, ports },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "kube-dns-node",
        namespace: "kube-system",
        labels: { ...labels, "kubernetes.io/service-name": "kube-dns" },
      },
      addressType: "IPv4",
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports,
    },
  ];
}

/** Starts the cluster's name server on the node's address and waits for its first answer. */
export async function startDns(world: World, binary: string): Promise<void> {
  const client = await world.authority.issueClient(user, `/CN=${user}`);
  const path = join(world.directory, `${user}.kubeconfig`);
  await writeKubeconfig(path, world.apiServer.url, world.authority, client);
  const server = await world.spawn("dns", [
    ...[binary, "dns", `--address=${world.address}:53`, `--kubeconfig=${path}`],
    ...[`--cluster-domain=${addresses.clusterDomain}`, `--hosts=${hostsPath(world.directory)}`],
  ]);
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([world.address]);
  const answers = async () => {
    const [first] = await resolver.resolve4(`kube-dns.kube-system.svc.${addresses.clusterDomain}`);
    return first === addresses.dnsService;
  };
  await eventually("the cluster's DNS answers", answers, {
    withinMs: 30_000,
    everyMs: 100,
    unless: () => server.exited,
    tell: () => `see ${server.logPath}`,
  });
}
