import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addresses, nodeName } from "./addresses.ts";
import type { Containerd } from "./containerd.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Spawned } from "./namespaces.ts";
import { cgroupHierarchies } from "./slot.ts";
import type { World } from "./world.ts";

/** Starts the kubelet and kube-proxy; does not wait for either. @returns the kubelet */
export async function startNode(world: World, binary: string, containerd: Containerd): Promise<Spawned> {
  const { directory, authority, address } = world;
  await createCgroup(world.name);
  const [serving, client, proxying] = await Promise.all([
    authority.issueServer("kubelet", [`IP:${address}`, `DNS:${nodeName}`]),
    authority.issueClient("kubelet-client", `/O=system:nodes/CN=system:node:${nodeName}`),
    authority.issueClient("kube-proxy", "/CN=system:kube-proxy"),
  ]);
  const url = world.apiServer.url;
  const kubeletConfig = await writeKubeconfig(join(directory, "kubelet.kubeconfig"), url, authority, client);
  const proxyConfig = await writeKubeconfig(join(directory, "kube-proxy.kubeconfig"), url, authority, proxying);
  // A pod with dnsPolicy Default would get the machine's resolver from the machine's file.
  await writeFile(join(directory, "resolv.conf"), `nameserver ${address}\n`);
  const kubelet = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: authority.certFile },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: serving.certFile,
    tlsPrivateKeyFile: serving.keyFile,
    containerRuntimeEndpoint: `unix://${containerd.socket}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${world.name}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    clusterDNS: [addresses.dnsService],
    clusterDomain: addresses.clusterDomain,
    resolvConf: join(directory, "resolv.conf"),
    podLogsDir: join(directory, "pod-logs"),
    staticPodPath: join(directory, "static-pods"),
    volumePluginDir: join(directory, "volume-plugins"),
    crashLoopBackOff: { maxContainerRestartPeriod: "1s" },
    serializeImagePulls: false,
    // The machine's disk and memory are not this node's to guard, and its images come from nowhere else.
    evictionHard: { "nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "50Mi" },
    imageGCHighThresholdPercent: 100,
    maxPods: 250,
  };
  await writeFile(join(directory, "kubelet.json"), JSON.stringify(kubelet, undefined, 2));
  await pretendTunables(world);
  for (const name of ["container-logs", "static-pods"]) await mkdir(join(directory, name), { recursive: true });
  // The kubelet links logs to this fixed path.
  await world.run([
    "sh",
    "-c",
    'mkdir -p /var/log/containers && mount --bind "$1" /var/log/containers',
    "sh",
    join(directory, "container-logs"),
  ]);
  const started = await world.spawn("kubelet", [
    ...[binary, "kubelet", `--config=${join(directory, "kubelet.json")}`, `--kubeconfig=${kubeletConfig}`],
    ...[`--root-dir=${join(directory, "kubelet")}`, `--node-ip=${address}`, `--hostname-override=${nodeName}`],
    `--cert-dir=${join(directory, "pki")}`,
  ]);
  const proxy = {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    bindAddress: address,
    hostnameOverride: nodeName,
    clientConnection: { kubeconfig: proxyConfig },
    clusterCIDR: addresses.pods,
    metricsBindAddress: "127.0.0.1:10249",
    healthzBindAddress: "127.0.0.1:10256",
    // These are the whole machine's; in a network namespace they are read-only.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    iptables: { minSyncPeriod: "0s" },
  };
  await writeFile(join(directory, "kube-proxy.json"), JSON.stringify(proxy, undefined, 2));
  await world.spawn("kube-proxy", [binary, "kube-proxy", `--config=${join(directory, "kube-proxy.json")}`]);
  return started;
}

/** What a kubelet sets on its machine; a run's kubelet finds them set, and the machine keeps its own. */
const tunables = {
  "vm/overcommit_memory": 1,
  "vm/panic_on_oom": 0,
  "kernel/panic": 10,
  "kernel/panic_on_oops": 1,
  "kernel/keys/root_maxkeys": 1_000_000,
  "kernel/keys/root_maxbytes": 25_000_000,
} as const;

async function pretendTunables(world: World): Promise<void> {
  const lines = Object.entries(tunables).map(([name, value]) => {
    const file = `/run/tunables/${name.replaceAll("/", ".")}`;
    return `echo ${value} > ${file} && mount --bind ${file} /proc/sys/${name}`;
  });
  await world.run(["sh", "-ec", ["mkdir -p /run/tunables", ...lines].join("\n")]);
}

/** The kubelet wants its root cgroup to be there, with the CPUs and memory nodes that version 1 does not inherit. */
async function createCgroup(name: string): Promise<void> {
  for (const hierarchy of await cgroupHierarchies()) {
    const path = join(hierarchy, name);
    await mkdir(path, { recursive: true });
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (!existsSync(join(path, file)) || !existsSync(join(hierarchy, file))) continue;
      await writeFile(join(path, file), await readFile(join(hierarchy, file)));
    }
    const control = join(hierarchy, "cgroup.subtree_control");
    if (existsSync(join(hierarchy, "cgroup.controllers")) && existsSync(control)) {
      const controllers = (await readFile(join(hierarchy, "cgroup.controllers"), "utf8")).trim();
      const wanted = controllers.split(" ").filter((controller) => controller !== "");
      for (const each of wanted) await writeFile(control, `+${each}`).catch(() => undefined);
    }
  }
}
