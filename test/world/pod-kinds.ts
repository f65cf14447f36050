import { nodeName } from "#test/cluster/addresses.ts";
import type { Cluster } from "#test/cluster/cluster.ts";

/** One kind of pod that a kubelet runs, beside the others and at the same time. */
export interface PodKind {
  readonly what: string;
  readonly namespace: string;
  /** That serves, to probe from. */
  readonly pod: string;
  readonly objects: readonly object[];
  /** What has come true when it is there; default: the pod is ready. */
  readonly until?: readonly string[];
}

export const kindsNamespace = "kinds";
/** 63 characters; with a pod's uid and name in one directory's name, which ends at 255, leaves 154 for the pod. */
export const longNamespace = `kinds-${"n".repeat(57)}`;
const longPod = "p".repeat(154);
const longContainer = "c".repeat(63);
export const longAccount = "a".repeat(253);
export const hostPort = 18_080;
/** Below the kubelet's root directory. */
export const seccompProfile = "allow.json";

const image = "osm-egress/test-app:test";
const app = { name: "app", image };
const limits = { cpu: "100m", memory: "64Mi" };

function single(what: string, pod: string, spec: object, namespace = kindsNamespace): PodKind {
  const base = { terminationGracePeriodSeconds: 1, containers: [app] };
  return { what, namespace, pod, objects: [named("v1", "Pod", pod, { spec: { ...base, ...spec } }, namespace)] };
}

function named(apiVersion: string, kind: string, name: string, rest: object, namespace = kindsNamespace): object {
  return { apiVersion, kind, metadata: { name, namespace, labels: { app: name } }, ...rest };
}

function template(name: string, spec: object = {}): object {
  return {
    metadata: { labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, containers: [app], ...spec },
  };
}

const selector = (name: string) => ({ selector: { matchLabels: { app: name } } });

/** @param outside  where nothing of the mesh may get, HOST:PORT: what starts first tries it first */
export function podKinds(outside: string): readonly PodKind[] {
  const tryIt = `/bin/probe -timeout 2s tcp ${outside}`;
  return [
    single("runAsNonRoot and runAsUser", "non-root", { securityContext: { runAsNonRoot: true, runAsUser: 1000 } }),
    single("Guaranteed", "guaranteed", { containers: [{ ...app, resources: { limits } }] }),
    single("seccomp RuntimeDefault", "seccomp", { securityContext: { seccompProfile: { type: "RuntimeDefault" } } }),
    single("seccomp Localhost", "seccomp-localhost", {
      securityContext: { seccompProfile: { type: "Localhost", localhostProfile: seccompProfile } },
    }),
    single("groups", "fs-group", { securityContext: { fsGroup: 2000, supplementalGroups: [3000] } }),
    single("a container that may nothing", "powerless", {
      containers: [
        {
          ...app,
          securityContext: {
            runAsUser: 1000,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    }),
    single("no token", "no-token", { automountServiceAccountToken: false }),
    single("a token of its own", "own-token", {
      containers: [{ ...app, volumeMounts: [{ name: "token", mountPath: "/tokens" }] }],
      volumes: [
        { name: "token", projected: { sources: [{ serviceAccountToken: { path: "vault", audience: "vault" } }] } },
      ],
    }),
    single("subPath mounts", "sub-path", {
      initContainers: [
        {
          name: "fill",
          image,
          command: ["sh", "-c", "echo kept > /all/a"],
          volumeMounts: [{ name: "shared", mountPath: "/all" }],
        },
      ],
      containers: [{ ...app, volumeMounts: [{ name: "shared", mountPath: "/only", subPath: "a" }] }],
      volumes: [{ name: "shared", emptyDir: {} }],
    }),
    single("one process space", "one-process-space", { shareProcessNamespace: true }),
    single("a port of the host", "host-port", {
      containers: [{ ...app, ports: [{ containerPort: 8080, hostPort }] }],
    }),
    single("an init container", "with-init", {
      initContainers: [{ name: "own", image, command: ["sh", "-c", `${tryIt}; true`] }],
    }),
    single("a native sidecar", "with-sidecar", {
      initContainers: [
        { name: "own", image, restartPolicy: "Always", command: ["sh", "-c", `${tryIt}; exec /bin/probe pause`] },
      ],
    }),
    single("ten containers", "ten-containers", {
      containers: [
        app,
        ...Array.from({ length: 9 }, (_none, at) => ({ name: `more-${at}`, image, command: ["/bin/probe", "pause"] })),
      ],
    }),
    {
      what: "names as long as they may be",
      namespace: longNamespace,
      pod: longPod,
      objects: [
        named(
          "v1",
          "Pod",
          longPod,
          {
            spec: {
              terminationGracePeriodSeconds: 1,
              serviceAccountName: longAccount,
              containers: [app, { name: longContainer, image, command: ["/bin/probe", "pause"] }],
            },
          },
          longNamespace,
        ),
      ].map(withoutLabels),
    },
    {
      what: "a StatefulSet",
      namespace: kindsNamespace,
      pod: "stateful-1",
      objects: [
        named("v1", "Service", "stateful", {
          spec: { clusterIP: "None", selector: { app: "stateful" }, ports: [{ port: 80 }] },
        }),
        named("apps/v1", "StatefulSet", "stateful", {
          spec: {
            serviceName: "stateful",
            replicas: 2,
            podManagementPolicy: "Parallel",
            ...selector("stateful"),
            template: template("stateful"),
          },
        }),
      ],
      until: ["rollout", "status", "statefulset/stateful"],
    },
    {
      what: "a DaemonSet",
      namespace: kindsNamespace,
      pod: "daemonset/daemon",
      objects: [
        named("apps/v1", "DaemonSet", "daemon", { spec: { ...selector("daemon"), template: template("daemon") } }),
      ],
      until: ["rollout", "status", "daemonset/daemon"],
    },
  ];
}

/** Longer than a label's value may be. */
function withoutLabels(object: object): object {
  const { metadata, ...rest } = object as { readonly metadata: Readonly<Record<string, unknown>> };
  return { ...rest, metadata: { ...metadata, labels: {} } };
}

/** Those that end by themselves; the sidecar must not keep them. */
export const endingKinds: readonly PodKind[] = [
  {
    ...single("a pod that ends", "ends", { restartPolicy: "Never", containers: [{ ...app, command: ["true"] }] }),
    until: ["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/ends"],
  },
  {
    what: "a Job",
    namespace: kindsNamespace,
    pod: "",
    objects: [
      named("batch/v1", "Job", "job", {
        spec: {
          backoffLimit: 0,
          template: template("job", {
            restartPolicy: "Never",
            initContainers: [{ name: "own", image, restartPolicy: "Always", command: ["/bin/probe", "pause"] }],
            containers: [{ ...app, command: ["true"] }],
          }),
        },
      }),
    ],
    until: ["wait", "--for=condition=Complete", "job/job"],
  },
];

/** Name of the pod that stands in the node's own files, and of its mirror in the API. */
export const staticPod = {
  manifest: named("v1", "Pod", "static", { spec: { terminationGracePeriodSeconds: 1, containers: [app] } }),
  mirror: `static-${nodeName}`,
};

/** @throws when it does not come true in time, with kubectl's words */
export async function untilThere(cluster: Cluster, { namespace, pod, until }: PodKind): Promise<void> {
  const awaited = until ?? ["wait", "--for=condition=Ready", `pod/${pod}`];
  await cluster.kubectl(...awaited, "-n", namespace, "--timeout=110s");
}
