import fc from "fast-check";

/** Specs of pods that an API server takes, with everything in them that injection has to leave as it is. */

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const line = fc.stringMatching(/^[ -~]{0,20}$/);
const cpu = fc.constantFrom("1", "1000m", "500m", 1, 0.5, "0.5");
const memory = fc.constantFrom("1Gi", "1073741824", "1024Mi", 1_073_741_824, "1G");
const amounts = fc.record({ cpu, memory }, { requiredKeys: [] });

/** Requests not above limits, as far as both are there. */
const resources = fc.oneof(
  fc.constant(undefined),
  amounts.map((limits) => ({ limits })),
  amounts.map((limits) => ({ limits, requests: limits })),
  fc.constant({ limits: { cpu: "2", memory: "2Gi" }, requests: { cpu: "1", memory: "1Gi" } }),
  amounts.map((requests) => ({ requests })),
);

const securityContext = fc.record(
  {
    runAsUser: fc.constantFrom(0, 1000, 1500),
    runAsNonRoot: fc.constant(false),
    readOnlyRootFilesystem: fc.boolean(),
    capabilities: fc.record({ drop: fc.subarray(["ALL", "NET_RAW"]), add: fc.subarray(["NET_BIND_SERVICE"]) }),
    seccompProfile: fc.constantFrom({ type: "RuntimeDefault" }, { type: "Localhost", localhostProfile: "p/x.json" }),
  },
  { requiredKeys: [] },
);

const container = (volumes: readonly string[]) =>
  fc.record(
    {
      image: fc.constantFrom("app", "registry.example.com:5000/team/app:1", `app@sha256:${"0".repeat(64)}`),
      command: fc.array(line, { maxLength: 3 }),
      args: fc.array(line, { maxLength: 3 }),
      env: fc.uniqueArray(fc.record({ name: label, value: line }), { maxLength: 3, selector: ({ name }) => name }),
      ports: fc.constant([{ name: "named", containerPort: 8080 }]),
      resources,
      securityContext,
      volumeMounts: fc
        .subarray([...volumes])
        .map((names) =>
          names.map((name, at) => ({ name, mountPath: `/mnt/${at}`, readOnly: at % 2 === 0, subPath: "inner" })),
        ),
      terminationMessagePolicy: fc.constantFrom("File", "FallbackToLogsOnError"),
      imagePullPolicy: fc.constantFrom("Always", "Never"),
      stdin: fc.boolean(),
    },
    { requiredKeys: ["image"] },
  );

/** @param detours  how often there is what leads past the capture: 0 for never */
const handlers = (detours: number) => {
  const host = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom({}, { host: "" }) },
    { weight: detours, arbitrary: fc.constantFrom({ host: "127.0.0.1" }, { host: "example.com" }) },
  );
  const handler = host.chain((its) =>
    fc.constantFrom(
      { httpGet: { port: 80, ...its } },
      { tcpSocket: { port: 80, ...its } },
      { exec: { command: ["true"] } },
    ),
  );
  const lifecycle = fc.record({ postStart: handler, preStop: handler }, { requiredKeys: [] });
  return fc.record({ livenessProbe: handler, startupProbe: handler, lifecycle }, { requiredKeys: [] });
};

/** Name servers that lead past the capture are asked about by author, so they are in none of these. */
const dnsConfig = (detours: number) =>
  fc.record(
    {
      nameservers: fc.uniqueArray(fc.constantFrom("127.0.0.53", "169.254.20.10", "fd00::a", "::1", "fe80::1"), {
        maxLength: 3,
      }),
      options: fc.array(
        fc.oneof(
          { weight: 9, arbitrary: fc.constantFrom({ name: "ndots", value: "2" }, { name: "use-vc" }) },
          {
            weight: detours,
            arbitrary: fc.constantFrom({ name: "a\nnameserver 192.0.2.1" }, { name: "ndots", value: "2 " }),
          },
        ),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: [] },
  );

const volumeSource = fc.constantFrom(
  { emptyDir: {} },
  { emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
  { configMap: { name: "settings", defaultMode: 0o640, optional: true } },
  { secret: { secretName: "keys", items: [{ key: "a", path: "b" }] } },
  { hostPath: { path: "/var/log" } },
  { projected: { sources: [{ serviceAccountToken: { path: "token", audience: "vault", expirationSeconds: 600 } }] } },
  { persistentVolumeClaim: { claimName: "data" } },
);

const podSecurity = fc.record(
  {
    runAsUser: fc.constantFrom(0, 1000),
    runAsNonRoot: fc.constant(false),
    fsGroup: fc.constant(2000),
    supplementalGroups: fc.constant([3000]),
    seccompProfile: fc.constant({ type: "RuntimeDefault" }),
  },
  { requiredKeys: [] },
);

/** In what only a kubelet would refuse there is no need to be right. */
export const podSpec: fc.Arbitrary<object> = specs(0);

/** Some of them lead past the capture, which a policy of the mesh refuses. */
export const podSpecWithDetours: fc.Arbitrary<object> = specs(1);

function specs(detours: number): fc.Arbitrary<object> {
  return fc
    .uniqueArray(label, { minLength: 1, maxLength: 4 })
    .chain((volumes) =>
      fc.record({
        names: fc.uniqueArray(label, { minLength: 8, maxLength: 8 }),
        sources: fc.tuple(...volumes.map(() => volumeSource)),
        volumes: fc.constant(volumes),
        containers: fc.array(
          fc.tuple(container(volumes), handlers(detours)).map(([one, its]) => ({ ...one, ...its })),
          { minLength: 1, maxLength: 4 },
        ),
        initContainers: fc.array(
          fc
            .tuple(container(volumes), handlers(detours), fc.boolean())
            .map(([one, its, stays]) => ({ ...one, ...(stays ? { restartPolicy: "Always", ...its } : {}) })),
          { maxLength: 4 },
        ),
        rest: fc.record(
          {
            securityContext: podSecurity,
            automountServiceAccountToken: fc.boolean(),
            serviceAccountName: fc.constant("default"),
            shareProcessNamespace: fc.boolean(),
            terminationGracePeriodSeconds: fc.constantFrom(0, 30),
            nodeSelector: fc.constant({ "kubernetes.io/os": "linux" }),
            os: fc.constant({ name: "linux" }),
            restartPolicy: fc.constant("Always"),
            dnsPolicy: fc.constant("Default"),
            dnsConfig: dnsConfig(detours),
          },
          { requiredKeys: [] },
        ),
      }),
    )
    .map(({ names, sources, volumes, containers, initContainers, rest }) => {
      const named = (list: readonly object[], from: number) =>
        list.map((one, at) => ({ name: names[from + at], ...one }));
      // As YAML leaves a field out, or leaves it empty.
      return JSON.parse(
        JSON.stringify({
          ...rest,
          containers: named(containers, 0),
          ...(initContainers.length > 0 ? { initContainers: named(initContainers, 4) } : {}),
          volumes: volumes.map((name, at) => ({ name, ...sources[at] })),
        }),
      ) as object;
    });
}
