/** One pod that somebody runs, in what it differs from a pod of one container. */
export interface MatrixRow {
  readonly what: string;
  readonly spec: object;
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const image = "app:1";
const app = { name: "app", image };
const sized = (limits: object, requests?: object) => ({
  containers: [{ ...app, resources: { limits, ...(requests ? { requests } : {}) } }],
});
const mounted = (volumes: readonly object[], ...mounts: readonly object[]) => ({
  volumes,
  containers: [{ ...app, volumeMounts: mounts }],
});
const probe = { httpGet: { path: "/healthz", port: "web" }, periodSeconds: 3 };

/** Longest names that the API takes. */
export const longName = "n".repeat(253);
export const longAccount = "a".repeat(253);

export const matrix: readonly MatrixRow[] = [
  { what: "nothing besides", spec: {} },
  {
    what: "runAsNonRoot and runAsUser for the pod",
    spec: { securityContext: { runAsNonRoot: true, runAsUser: 1000 } },
  },
  {
    what: "groups for the pod",
    spec: {
      securityContext: {
        runAsGroup: 1000,
        fsGroup: 2000,
        fsGroupChangePolicy: "OnRootMismatch",
        supplementalGroups: [3000],
      },
    },
  },
  { what: "seccomp RuntimeDefault", spec: { securityContext: { seccompProfile: { type: "RuntimeDefault" } } } },
  {
    what: "seccomp Localhost",
    spec: { securityContext: { seccompProfile: { type: "Localhost", localhostProfile: "profiles/app.json" } } },
  },
  { what: "seccomp Unconfined", spec: { securityContext: { seccompProfile: { type: "Unconfined" } } } },
  {
    what: "sysctls for the pod",
    spec: { securityContext: { sysctls: [{ name: "net.ipv4.ip_local_port_range", value: "1024 65535" }] } },
  },
  {
    what: "a container that may nothing",
    spec: {
      containers: [
        {
          ...app,
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  },
  { what: "a user namespace", spec: { hostUsers: false } },
  { what: "Guaranteed", spec: sized({ cpu: "1", memory: "1Gi" }) },
  {
    what: "Guaranteed in other words",
    spec: sized({ cpu: 1, memory: "1Gi" }, { cpu: "1000m", memory: "1073741824" }),
  },
  { what: "CPU limited", spec: sized({ cpu: "1", memory: "1Gi" }, { cpu: "500m" }) },
  { what: "a memory limit alone", spec: sized({ memory: "1Gi" }) },
  { what: "ephemeral storage", spec: sized({ "ephemeral-storage": "1Gi" }) },
  { what: "a budget of the pod's own", spec: { resources: { limits: { cpu: "1", memory: "1Gi" } } } },
  {
    what: "init containers and native sidecars, mixed",
    spec: {
      initContainers: [
        { name: "first", image, command: ["sh", "-c", "echo $(HOME)"] },
        {
          name: "stays",
          image,
          restartPolicy: "Always",
          startupProbe: probe,
          ports: [{ name: "web", containerPort: 80 }],
        },
        { name: "last", image, resources: { requests: { cpu: "50m" } } },
      ],
    },
  },
  { what: "a Job's", spec: { restartPolicy: "Never", activeDeadlineSeconds: 60 } },
  { what: "a Job's that tries again", spec: { restartPolicy: "OnFailure" } },
  {
    what: "a StatefulSet's",
    spec: {
      hostname: "web-0",
      subdomain: "web",
      ...mounted([{ name: "data", persistentVolumeClaim: { claimName: "data-web-0" } }], {
        name: "data",
        mountPath: "/data",
      }),
    },
  },
  {
    what: "a DaemonSet's",
    spec: {
      tolerations: [{ operator: "Exists" }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["node"] }] }],
          },
        },
      },
    },
  },
  { what: "a name of 253 characters", name: longName, spec: {} },
  { what: "an account of 253 characters", spec: { serviceAccountName: longAccount } },
  { what: "an account by the field's old name", spec: { serviceAccount: "web" } },
  { what: "a container's name of 63 characters", spec: { containers: [{ name: "c".repeat(63), image }] } },
  { what: "a port of the host", spec: { containers: [{ ...app, ports: [{ containerPort: 80, hostPort: 8080 }] }] } },
  { what: "no token", spec: { automountServiceAccountToken: false } },
  {
    what: "a token of its own",
    spec: mounted(
      [{ name: "token", projected: { sources: [{ serviceAccountToken: { path: "token", audience: "vault" } }] } }],
      { name: "token", mountPath: "/var/run/secrets/tokens" },
    ),
  },
  {
    what: "a volume where the token would be",
    spec: mounted([{ name: "mine", emptyDir: {} }], {
      name: "mine",
      mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
    }),
  },
  {
    what: "subPath mounts",
    spec: mounted(
      [
        { name: "shared", emptyDir: {} },
        { name: "settings", configMap: { name: "settings", defaultMode: 0o640 } },
      ],
      { name: "shared", mountPath: "/a", subPath: "a" },
      { name: "shared", mountPath: "/b", subPathExpr: "$(HOSTNAME)" },
      { name: "settings", mountPath: "/etc/app.conf", subPath: "app.conf", readOnly: true },
    ),
  },
  {
    what: "volumes of many kinds",
    spec: {
      volumes: [
        { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } },
        { name: "host", hostPath: { path: "/var/log", type: "Directory" } },
        { name: "secret", secret: { secretName: "keys", items: [{ key: "a", path: "b", mode: 0o400 }] } },
        { name: "driver", csi: { driver: "csi.example.com", volumeAttributes: { a: "b" } } },
        {
          name: "claim",
          ephemeral: {
            volumeClaimTemplate: {
              spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
            },
          },
        },
        { name: "downward", downwardAPI: { items: [{ path: "l", fieldRef: { fieldPath: "metadata.labels" } }] } },
      ],
    },
  },
  {
    what: "forty containers",
    spec: {
      containers: Array.from({ length: 40 }, (_none, at) => ({
        name: `app-${at}`,
        image,
        env: [
          { name: "AT", value: String(at) },
          { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
        ],
        resources: { limits: { cpu: "100m", memory: "64Mi" } },
        ports: [{ name: "web", containerPort: 8000 + at }],
        livenessProbe: probe,
      })),
    },
  },
  {
    what: "twenty native sidecars",
    spec: {
      initContainers: Array.from({ length: 20 }, (_none, at) => ({
        name: `side-${at}`,
        image,
        restartPolicy: "Always",
      })),
    },
  },
  { what: "the host's processes", spec: { hostPID: true, hostIPC: true } },
  { what: "one process space", spec: { shareProcessNamespace: true } },
  {
    what: "names of its own",
    spec: {
      dnsConfig: { searches: ["b.example"], options: [{ name: "ndots", value: "2" }] },
      hostAliases: [{ ip: "192.0.2.2", hostnames: ["a.example"] }],
    },
  },
  { what: "a scheduling gate", spec: { schedulingGates: [{ name: "example.com/wait" }] } },
  {
    what: "everything else about a container",
    spec: {
      containers: [
        {
          ...app,
          command: ["sh", "-c", `echo "$(A)" '\\' $\n`],
          workingDir: "/srv",
          envFrom: [{ configMapRef: { name: "settings", optional: true }, prefix: "P_" }],
          lifecycle: { preStop: { sleep: { seconds: 1 } } },
          livenessProbe: probe,
          readinessProbe: { grpc: { port: 9000 } },
          ports: [{ name: "web", containerPort: 80, protocol: "UDP" }],
          resizePolicy: [{ resourceName: "cpu", restartPolicy: "RestartContainer" }],
          stdin: true,
          tty: true,
          terminationMessagePolicy: "FallbackToLogsOnError",
        },
      ],
    },
  },
  { what: "lists that are null", spec: { initContainers: null, volumes: null } },
  {
    what: "annotations besides",
    spec: {},
    annotations: { "example.com/a": "true", "openservicemesh.io/sidecar-injection": "Yes" },
  },
];

/** What a pod may say of its own capture. */
export const captureRow: MatrixRow = {
  what: "annotations of its own about the capture",
  spec: {},
  annotations: {
    "openservicemesh.io/outbound-ip-range-exclusion-list": "192.0.2.0/24, 198.51.100.7/32",
    "openservicemesh.io/outbound-port-exclusion-list": " 443,8443",
    "openservicemesh.io/allow-udp": "T",
  },
};

/** Pods that are never injected, whoever asks. */
export const never: readonly MatrixRow[] = [
  { what: "the host's network", spec: { hostNetwork: true } },
  { what: "Windows by os", spec: { os: { name: "windows" } } },
  { what: "Windows by node selector", spec: { nodeSelector: { "kubernetes.io/os": "windows" } } },
  {
    what: "a mirror pod",
    spec: { nodeName: "node", automountServiceAccountToken: false },
    annotations: { "kubernetes.io/config.mirror": "x" },
  },
];
