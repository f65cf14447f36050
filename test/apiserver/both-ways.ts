import { podPolicy, podPolicyBinding } from "#deploy/injection/pod-policy.ts";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { parseManifest, printManifest } from "#lib/cli/inject/kubectl-yaml.ts";
import { meshOfCluster } from "#lib/cli/inject/mesh.ts";
import { injectSources } from "#lib/cli/inject/render.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { appContainer, namespace, pod, type StoredPod, serviceAccount } from "./pods.ts";
import { createFromYaml } from "./raw-text.ts";

const admin = connectAs("admin");

/** A pod as the API server would store it, without what differs from one creation to the next. */
export interface Admitted {
  readonly spec: StoredPod["spec"] & Readonly<Record<string, unknown>>;
  readonly qosClass: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** Two namespaces that differ only in this: in one the policy acts, the other is not in the mesh. */
export interface Pair {
  readonly member: string;
  readonly bare: string;
}

/** Everything that injection needs on the server, and the namespaces. @param besides  for both of each pair, by name */
export async function prepare(
  pairs: readonly Pair[],
  besides: (namespace: string) => readonly KubeObject[],
): Promise<void> {
  await serveMeshInjection(admin, defaults);
  const parameter = meshInjection(defaults);
  await applyAll(admin, [
    parameter,
    podPolicy(),
    injectionPolicy(),
    podPolicyBinding(defaults),
    injectionBinding(defaults),
  ]);
  for (const { member, bare } of pairs) {
    await applyAll(admin, [namespace(member, "enabled"), namespace(bare, undefined, false)]);
    for (const name of [member, bare]) await applyAll(admin, [serviceAccount(name), ...besides(name)]);
  }
  for (const { member } of pairs) {
    await eventually("the policy is in force", async () => {
      const injected = await create(admin, pod(member), true);
      return injected.status === 201 && injected.text.includes('"name":"envoy"');
    });
  }
}

/** By the policy, or where there is none as it is. @throws with the API server's words where it refuses */
export async function admit(inNamespace: string, manifest: object): Promise<Admitted> {
  return admitText(inNamespace, printManifest(manifest));
}

/** The same by way of `osm inject`, as in a cluster without the policy. */
export async function admitInjected({ member, bare }: Pair, manifest: object): Promise<Admitted> {
  return admitText(bare, await injectedText(member, printManifest(manifest)));
}

/** What `osm inject` prints for one object of this namespace. */
export async function injectedText(member: string, yaml: string): Promise<string> {
  const mesh = await meshOfCluster(admin, defaults.osmNamespace);
  return (await injectSources([{ name: "test", text: yaml }], mesh, member)).text;
}

/** Of a stream of one document. */
export function valueOf(yaml: string): unknown {
  const parsed = parseManifest({ text: yaml.replace(/^---\n/, ""), line: 1 });
  if ("fault" in parsed) throw new Error(parsed.fault);
  return parsed.value;
}

/** The spec of a pod in it. */
export function specOf(yaml: string): Admitted["spec"] {
  return (valueOf(yaml) as { readonly spec: Admitted["spec"] }).spec;
}

/** The same, of YAML as it stands. */
export async function admitText(inNamespace: string, yaml: string): Promise<Admitted> {
  const answer = await createFromYaml("admin", `/api/v1/namespaces/${inNamespace}/pods`, yaml);
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  // The token's volume has five characters of chance in its name.
  const stored = JSON.parse(
    answer.text.replaceAll(/kube-api-access-[a-z0-9]{5}/g, "kube-api-access-x"),
  ) as StoredPod & {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: Admitted["spec"];
  };
  return { spec: stored.spec, qosClass: stored.status.qosClass, annotations: stored.metadata.annotations };
}

/** A pod's manifest that names no namespace. */
export function manifest(spec: object, annotations?: Readonly<Record<string, string>>, name = "subject"): object {
  const metadata = { name, ...(annotations ? { annotations } : {}) };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [appContainer], ...spec } };
}
