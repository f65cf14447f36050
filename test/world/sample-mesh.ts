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
          template: { metadata: { labels: { app: account } }, spec: appSpec(account) },
        },
      },
    ]),
  ];
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
export function appSpec(account: string, command?: readonly string[]): object {
  return {
    serviceAccountName: account,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: "app", image, ...(command === undefined ? {} : { command: [...command] }) }],
  };
}
