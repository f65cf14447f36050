import { manifests } from "#deploy/manifests.ts";
import { defaults, type Parameters } from "#deploy/parameters.ts";
import { installationOf } from "#lib/cli/install.ts";
import { waitServed } from "#lib/cli/install-checks.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { apply, expectOk, type KubeObject } from "#lib/kube/objects.ts";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import { annotations, labels, meshName, sidecar } from "#lib/mesh/names.ts";
import { type ApiServer, startApiServer } from "#test/apiserver/server.ts";
import { eventually } from "#test/eventually.ts";
import { ensureKubernetesBinary } from "../../../tools/setup/kubernetes-binary.ts";
import { row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";

const inMesh = "in-mesh";
const outside = "outside";
const warmUps = 100;

/** An API server of its own for each degree, so that nothing has to be switched between two creations. */
const degrees: readonly { readonly name: string; readonly prepare: (admin: KubeConnection) => Promise<void> }[] = [
  { name: "no policies", prepare: async () => undefined },
  { name: "injection only", prepare: injectOnly },
  { name: "injection and guards", prepare: (admin) => installAll(admin, { ...defaults, egress: false }) },
  {
    name: "the same and --strict",
    prepare: (admin) => installAll(admin, { ...defaults, egress: false, strict: true }),
  },
];

/** One round is a pod on each server, one after the other; and on the first and the last one more. */
export const policies: Scenario = {
  name: "policies",
  title: "What the policies add to the creation of a pod: an API server alone, one creation at a time",
  async measure({ rounds = 400, progress }) {
    const binary = await ensureKubernetesBinary((line) => progress.step(line));
    const servers: ApiServer[] = [];
    try {
      const admins: KubeConnection[] = [];
      for (const { name, prepare } of degrees) {
        progress.step(`API server with ${name}`);
        const server = await startApiServer(binary, { admin: { user: "admin", groups: ["system:masters"] } });
        servers.push(server);
        const admin = connectTo(server);
        for (const object of namespaces) await apply(admin, objectPath(object), object, { manager: "bench" });
        await prepare(admin);
        admins.push(admin);
      }
      const [bare, , , strict] = admins as [KubeConnection, KubeConnection, KubeConnection, KubeConnection];
      const complete = await storedSpec(strict);
      const subjects = [
        ...admins.map((admin, at) => ({ what: degrees[at]?.name ?? "", create: () => timed(admin, inMesh, appSpec) })),
        {
          what: "no policies, the pod sent with both containers",
          create: () => timed(bare, inMesh, complete),
        },
        { what: "a pod outside the mesh, all policies", create: () => timed(strict, outside, appSpec) },
      ];
      const samples = subjects.map((): number[] => []);
      for (let round = -warmUps; round < rounds; round++) {
        if (round % 50 === 0) progress.step(`pods created: ${Math.max(round, 0)} of ${rounds}`);
        for (const [at, { create }] of subjects.entries()) {
          const ms = await create();
          if (round >= 0) samples[at]?.push(ms);
        }
      }
      const [floor = []] = samples;
      return {
        rows: subjects.map(({ what }, at) =>
          row(`pod created: ${what}`, "ms", samples[at] ?? [], at === 0 ? undefined : { floor }),
        ),
        notes: [
          "No kubelet and no controllers: the pods stay Pending. Four API servers with an etcd each; all but one are idle at any moment.",
          "The pod has one container and passes strict mode. With injection it is stored with two containers more, which by itself costs what the line of the pod sent with both shows.",
        ],
      };
    } finally {
      for (const server of servers) await server.stop();
    }
  },
};

function connectTo({ url, certificateAuthority, tokens }: ApiServer): KubeConnection {
  const caData = Buffer.from(certificateAuthority).toString("base64");
  return openTokenConnection({ server: url, caData, token: async () => tokens["admin"] ?? "" });
}

const namespaces: readonly KubeObject[] = [
  {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: inMesh,
      labels: { [labels.monitoredBy]: meshName },
      annotations: { [annotations.injection]: "enabled" },
    },
  },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: outside } },
  ...[inMesh, outside].map((namespace) => {
    return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } };
  }),
];

const harmless = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const appSpec = { containers: [{ name: "app", image: "app:1", securityContext: harmless }] };

async function injectOnly(admin: KubeConnection): Promise<void> {
  const { namespace, definitions, objects, policies: all, bindings } = manifests(defaults);
  const applyEach = async (some: readonly KubeObject[]) => {
    for (const object of some) await apply(admin, objectPath(object), object, { manager: "bench" });
  };
  await applyEach([namespace, ...definitions]);
  await waitServed(admin, definitions);
  const isInjection = ({ kind }: KubeObject) => kind.startsWith("MutatingAdmissionPolicy");
  await applyEach([...objects, ...all.filter(isInjection), ...bindings.filter(isInjection)]);
  await untilInjected(admin);
}

async function installAll(admin: KubeConnection, parameters: Parameters): Promise<void> {
  for (const step of installationOf(admin, parameters).steps) await step.run(() => undefined);
  await untilInjected(admin);
  if (!parameters.strict) return;
  const privileged = { containers: [{ name: "app", image: "app:1", securityContext: { privileged: true } }] };
  await eventually(
    "strict mode is in force",
    async () => (await create(admin, inMesh, privileged, true)).status === 403,
  );
}

async function untilInjected(admin: KubeConnection): Promise<void> {
  await eventually("pods are injected", async () => {
    const { status, text } = await create(admin, inMesh, appSpec, true);
    return status === 201 && text.includes(`"name":"${sidecar.container}"`);
  });
}

function create(admin: KubeConnection, namespace: string, spec: object, dryRun = false) {
  return admin.send({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { dryRun: dryRun ? "All" : undefined },
    body: { apiVersion: "v1", kind: "Pod", metadata: { generateName: "p-", namespace }, spec },
  });
}

/** As injection and strict mode leave it, for a server that does neither. */
async function storedSpec(admin: KubeConnection): Promise<object> {
  const response = await create(admin, inMesh, appSpec, true);
  const { spec } = JSON.parse(response.text) as { readonly spec: object };
  return spec;
}

async function timed(admin: KubeConnection, namespace: string, spec: object): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const body = { apiVersion: "v1", kind: "Pod", metadata: { generateName: "p-", namespace }, spec };
  const startedMs = performance.now();
  await expectOk(admin, { method: "POST", path, body });
  return performance.now() - startedMs;
}
