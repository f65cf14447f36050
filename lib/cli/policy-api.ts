import type { KubeConnection } from "../kube/connection.ts";
import { failure } from "../kube/objects.ts";
import { CommandError } from "./failure.ts";

const group = "admissionregistration.k8s.io/v1";
const validating = { plural: "validatingadmissionpolicies", kind: "ValidatingAdmissionPolicy", since: 30 };
const mutating = { plural: "mutatingadmissionpolicies", kind: "MutatingAdmissionPolicy", since: 36 };

/** The first minor version of Kubernetes 1 whose new policies may call `ip()` and `cidr()`, as osm-sidecar-injection does. */
const addressesSince = 31;

const upgrade =
  "upgrade the control plane (EKS: aws eks update-cluster-version --name CLUSTER --kubernetes-version VERSION)";

/** What the API server can do for a mesh. */
export interface PolicyApi {
  /** E.g. `v1.36.1`. */
  readonly gitVersion: string;
  /** Why it puts no sidecar into pods; undefined where it does. */
  readonly notInjecting?: string;
}

/**
 * Asks for the API that the mesh's policies live in. One without policies that inject is taken: `osm inject` is for that.
 *
 * @throws CommandError where it is too old, has the API switched off, or is no API server
 */
export async function checkPolicyApi(connection: KubeConnection): Promise<PolicyApi> {
  const gitVersion = await versionOf(connection);
  const served = await servedPolicies(connection);
  if (!served.has(validating.plural)) throw withoutPolicies(gitVersion);
  checkAddresses(gitVersion);
  return served.has(mutating.plural) ? { gitVersion } : { gitVersion, notInjecting: notServed(gitVersion, mutating) };
}

/** Whether the API server can put sidecars into pods by itself. */
export async function servesInjection(connection: KubeConnection): Promise<boolean> {
  return (await servedPolicies(connection)).has(mutating.plural);
}

/**
 * The same of a cluster that is only named by its version.
 *
 * @param version  `1.35`, `v1.35.4-eks-a737599`
 * @throws CommandError for one that is too old, or is none
 */
export function injectsSince(version: string): boolean {
  const minor = minorOf(version);
  if (minor === undefined) {
    throw new CommandError(`--kube-version ${version}: not a version of Kubernetes 1`, "give one like 1.35");
  }
  if (minor < validating.since) throw withoutPolicies(version);
  checkAddresses(version);
  return minor >= mutating.since;
}

/** The API server's version. @throws CommandError where what answers is none, EgressError where it does not say */
export async function versionOf(connection: KubeConnection): Promise<string> {
  const request = { method: "GET", path: "/version" } as const;
  const response = await connection.send(request);
  const gitVersion = fieldOf(response.text, "gitVersion");
  if (typeof gitVersion === "string") return gitVersion;
  if (response.status !== 200 && response.status !== 404) throw failure(request, response);
  throw new CommandError(
    `what answers at ${connection.server} is no Kubernetes API server`,
    "put the kubeconfig's server right: kubectl cluster-info",
  );
}

async function servedPolicies(connection: KubeConnection): Promise<ReadonlySet<string>> {
  const request = { method: "GET", path: `/apis/${group}` } as const;
  const response = await connection.send(request);
  if (response.status !== 200 && response.status !== 404) throw failure(request, response);
  const resources = fieldOf(response.text, "resources");
  return new Set(Array.isArray(resources) ? resources.map(({ name }: { readonly name: string }) => name) : []);
}

function fieldOf(text: string, field: string): unknown {
  try {
    return (JSON.parse(text) as Readonly<Record<string, unknown>>)[field];
  } catch {
    return undefined;
  }
}

function withoutPolicies(gitVersion: string): CommandError {
  const what = `${notServed(gitVersion, validating)}, and nothing would refuse a bad value, or keep anybody out of the sidecars`;
  if (isOlder(gitVersion, validating.since)) return new CommandError(what, upgrade);
  return new CommandError(
    what,
    `look for ${group} in kube-apiserver's --runtime-config, and for ${validating.kind} in its --feature-gates; what is served: kubectl api-resources --api-group=admissionregistration.k8s.io`,
  );
}

function checkAddresses(gitVersion: string): void {
  if (!isOlder(gitVersion, addressesSince)) return;
  throw new CommandError(
    `the API server (${gitVersion}) takes no ip() and cidr() in new policies: Kubernetes 1.${addressesSince} is the first that does, and nothing would keep a pod's exclusions out of the mesh`,
    upgrade,
  );
}

function notServed(gitVersion: string, { kind, since }: typeof mutating): string {
  const what = `the API server (${gitVersion}) serves no ${kind} in ${group}`;
  return isOlder(gitVersion, since)
    ? `${what}: Kubernetes 1.${since} is the first that does`
    : `${what}, though its version could: it is switched off`;
}

/** What cannot be told from the version is not. */
function isOlder(gitVersion: string, since: number): boolean {
  return (minorOf(gitVersion) ?? since) < since;
}

/** Of `v1.30.4-eks-a737599`; undefined for anything else than Kubernetes 1. */
function minorOf(gitVersion: string): number | undefined {
  const [, minor] = /^v?1\.(\d+)(?![\w])/.exec(gitVersion) ?? [];
  return minor === undefined ? undefined : Number(minor);
}
