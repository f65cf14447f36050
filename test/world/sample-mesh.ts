import { eventually } from "#test/eventually.ts";
import type { MeshWorld } from "./mesh-world.ts";

/** The demo of Open Service Mesh in small: three service accounts, two pods each, each with a Service. */
export const sampleNamespace = "bookstore";
export const sampleAccounts = ["bookbuyer", "bookstore", "bookthief"] as const;
const image = "osm-egress/test-app:test";

export interface SampleOptions {
  readonly namespace?: string;
  readonly accounts?: readonly string[];
  /** Pods per account. */
  readonly replicas?: number;
}

/** Namespace, service accounts, Services (HTTP 80, echo 81) and Deployments. The namespace is not in the mesh yet. */
export function sampleMesh(options: SampleOptions = {}): readonly object[] {
  const { namespace = sampleNamespace, accounts = sampleAccounts, replicas = 2 } = options;
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    ...accounts.flatMap((account) => [
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account, namespace } },
      service(namespace, account),
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: account, namespace },
        spec: {
          replicas,
          selector: { matchLabels: { app: account } },
          template: { metadata: { labels: { app: account } }, spec: guaranteed(appSpec(account)) },
        },
      },
    ]),
  ];
}

/** In the mesh, every pod running, every Service served. The mesh is installed already. */
export async function bringUpSample(mesh: MeshWorld, replicas = 2): Promise<void> {
  const { cluster, osm } = mesh;
  await cluster.apply(...sampleMesh({ replicas: 0 }));
  const added = await osm("namespace", "add", sampleNamespace);
  if (added.exitCode !== 0) throw new Error(`osm namespace add: ${added.stdout}${added.stderr}`);
  await cluster.apply(...sampleMesh({ replicas }));
  for (const account of sampleAccounts) {
    await cluster.kubectl("rollout", "status", `deployment/${account}`, "-n", sampleNamespace, "--timeout=90s");
  }
  await untilServed(mesh);
}

const servedWithinMs = 60_000;

/** Ready is not yet served: kube-proxy takes a moment to have the endpoints of each port, mesh or not. */
export async function untilServed({ world }: MeshWorld): Promise<void> {
  const ports = sampleAccounts.flatMap((account) =>
    ["http", "echo"].map((port) => `${sampleNamespace}/${account}:${port}`),
  );
  let missing: readonly string[] = ports;
  const isServed = async () => {
    const { stdout } = await world.run(["iptables-save", "-t", "nat"]);
    const endpoints = stdout.split("\n").filter((line) => line.startsWith("-A KUBE-SEP-"));
    missing = ports.filter((port) => !endpoints.some((line) => line.includes(`"${port}"`)));
    return missing.length === 0;
  };
  const tell = () => `kube-proxy has no endpoint of ${missing.join(", ")}`;
  await eventually("every Service is served", isServed, { withinMs: servedWithinMs, everyMs: 200, tell });
}

export function service(namespace: string, account: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: account, namespace },
    spec: {
      selector: { app: account },
      ports: [
        { name: "http", port: 80, targetPort: 8080 },
        { name: "echo", port: 81, targetPort: 8081 },
      ],
    },
  };
}

/** Spec of a pod that serves HTTP and echo, and in which tests run `probe`. */
export function appSpec(account: string, command?: readonly string[]): AppSpec {
  return {
    serviceAccountName: account,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: "app", image, ...(command === undefined ? {} : { command: [...command] }) }],
  };
}

interface AppSpec {
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly object[];
}

/** With no rights by which a container could get past its sidecar. */
function guaranteed({ containers, ...spec }: AppSpec): AppSpec {
  const securityContext = {
    runAsNonRoot: true,
    runAsUser: 1_000,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
  };
  return { ...spec, containers: containers.map((container) => ({ ...container, securityContext })) };
}
