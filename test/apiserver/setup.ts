import { Buffer } from "node:buffer";
import type { TestProject } from "vitest/node";
import { ensureKubernetesBinary } from "../../tools/setup/kubernetes-binary.ts";
import { type Identity, startApiServer } from "./server.ts";

/** Who the tests speak as. */
export const identities = {
  admin: { user: "admin", groups: ["system:masters"] },
  reconciler: { user: "osm-egress-function", groups: ["osm:reconcilers"] },
  /** With the reconcilers' group and every right that RBAC can give: what is refused is the policy's doing. */
  reconcilerUnbound: { user: "leaked", groups: ["osm:reconcilers", "system:masters"] },
  /** No right at all. */
  nobody: { user: "nobody", groups: [] },
  /** What a test grants, for as long as it does. */
  restarter: { user: "restarter", groups: [] },
  editor: { user: "editor", groups: [] },
  exempter: { user: "exempter", groups: [] },
  /** Kubernetes' own, with the rights that the API server itself gives them. */
  replicaSetController: controller("replicaset-controller"),
  deploymentController: controller("deployment-controller"),
  cronJobController: controller("cronjob-controller"),
  jobController: controller("job-controller"),
  /** Where all of these are one. */
  controllerManager: { user: "system:kube-controller-manager", groups: [] },
  /** Somebody else's controller. */
  foreignController: { user: "system:serviceaccount:argo-rollouts:argo-rollouts", groups: ["system:serviceaccounts"] },
  /** The same, for who has pods of the mesh. */
  owner: { user: "owner", groups: [] },
} as const satisfies Record<string, Identity>;

function controller(account: string): Identity {
  const groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system"];
  return { user: `system:serviceaccount:kube-system:${account}`, groups };
}

export type IdentityName = keyof typeof identities;

/** What tests need to open connections. */
export interface ApiServerAccess {
  readonly url: string;
  readonly caData: string;
  readonly tokens: Readonly<Record<string, string>>;
}

declare module "vitest" {
  export interface ProvidedContext {
    apiServer: ApiServerAccess;
  }
}

/** One API server for all files of the run; each file works in namespaces of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const binary = await ensureKubernetesBinary((line) => console.error(line));
  const server = await startApiServer(binary, identities);
  project.provide("apiServer", {
    url: server.url,
    caData: Buffer.from(server.certificateAuthority).toString("base64"),
    tokens: server.tokens,
  });
  return server.stop;
}
