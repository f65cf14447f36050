import { reconcilersGroup } from "../../mesh/names.ts";
import { asReconciler } from "../cluster-options.ts";
import { type Circumstances, kubectl, placeText, shellWord, type Words } from "./circumstances.ts";
import { podSecurityRemedy } from "./pod-security.ts";
import type { MissingRight, Refusal } from "./refusal.ts";

/** @param said  the failure's own message */
export function refusalWords(refusal: Refusal, said: string, circumstances: Circumstances): Words {
  switch (refusal.kind) {
    case "rbac":
      return rightWords(refusal, circumstances);
    case "escalation":
      return {
        what: `user ${refusal.user} may not give rights that it has not got itself, and ${circumstances.command} gives some`,
        remedy: administrator(circumstances),
      };
    case "pod-security":
      return {
        what: `${said}: Pod Security level ${refusal.level}`,
        remedy: podSecurityRemedy(namespaceIn(said), kubectl(circumstances)),
      };
    case "quota":
      return {
        what: said,
        remedy: `make room in ResourceQuota ${refusal.quota}: ${kubectl(circumstances)} describe quota ${refusal.quota} -n ${namespaceIn(said)}`,
      };
    case "policy":
      return {
        what: said,
        remedy: refusal.policy.startsWith("osm-exempt")
          ? `ask somebody with the verb exempt (ClusterRole ${exemptRole}); who has it: ${kubectl(circumstances)} get rolebindings,clusterrolebindings -A -o wide | grep ${exemptRole}`
          : `see what policy ${refusal.policy} wants: ${kubectl(circumstances)} get ${refusal.resource} ${refusal.policy} -o yaml`,
      };
    case "webhook":
      return {
        what: said,
        remedy: `ask whoever runs webhook ${refusal.webhook}: ${kubectl(circumstances)} get validatingwebhookconfigurations,mutatingwebhookconfigurations`,
      };
  }
}

/** Of the request's path, which every failure begins with. */
function namespaceIn(said: string): string {
  return /\/namespaces\/([^/:?\s]+)/.exec(said)?.[1] ?? "NAMESPACE";
}

/** Gives the verb to whoever is bound to it. */
const exemptRole = "osm-exempt";

/** The user that the API server makes of a request without credentials. */
const anonymous = "system:anonymous";

function rightWords(right: MissingRight, circumstances: Circumstances): Words {
  const what = `user ${right.user} may not ${right.verb} ${objectText(right)}`;
  if (right.user === asReconciler.user && right.verb !== "impersonate") {
    return {
      what: `group ${reconcilersGroup}, as which ${circumstances.command} writes, may not ${right.verb} ${objectText(right)}: the mesh's roles are missing or changed`,
      remedy: "osm install puts them back",
    };
  }
  if (right.user === anonymous) {
    return {
      what: `${what}: the kubeconfig's user shows no credentials${placeText(circumstances.place())}`,
      remedy: `choose a context whose user has some, with --context; who you are taken for: ${kubectl(circumstances)} auth whoami`,
    };
  }
  // They make, or remove, definitions, policies and roles: one right after the other would be asked for.
  if (["osm install", "osm uninstall"].includes(circumstances.command))
    return { what, remedy: administrator(circumstances) };
  return {
    what: `${what}${placeText(circumstances.place())}`,
    remedy: [
      "choose a context that may, with --context, or ask whoever administers the cluster for the right:",
      ...grant(right),
    ].join("\n    "),
  };
}

function administrator(circumstances: Circumstances): string {
  return `choose the context of a cluster administrator with --context; who you are now: ${kubectl(circumstances)} auth whoami`;
}

function objectText({ resource, group, namespace, name, path }: MissingRight): string {
  if (resource === undefined) return `path ${path ?? ""}`;
  const which = name === undefined ? "" : ` ${name}`;
  return `${resourceText(resource, group)}${which} ${namespace === undefined ? "in the cluster" : `in namespace ${namespace}`}`;
}

/** `deployments.apps/scale`, as kubectl takes it. */
function resourceText(resource: string, group: string): string {
  const [plural = "", subresource] = resource.split("/");
  return `${plural}${group === "" ? "" : `.${group}`}${subresource === undefined ? "" : `/${subresource}`}`;
}

/** RBAC does not look at names for these. */
const nameless = new Set(["create", "list", "watch", "deletecollection"]);

function grant({ user, verb, resource, group, namespace, name, path }: MissingRight): readonly string[] {
  const kind = namespace === undefined ? "clusterrole" : "role";
  const role = `osm-${verb}-${(resource ?? "path").replace("/", "-")}`;
  const scope = namespace === undefined ? "" : ` -n ${namespace}`;
  const on =
    resource === undefined
      ? `--non-resource-url=${shellWord(path ?? "")}`
      : `--resource=${resourceText(resource, group)}${name === undefined || nameless.has(verb) ? "" : ` --resource-name=${shellWord(name)}`}`;
  return [
    `kubectl create ${kind} ${role}${scope} --verb=${verb} ${on}`,
    `kubectl create ${kind}binding ${role}${scope} --${kind}=${role} ${subject(user)}`,
  ];
}

function subject(user: string): string {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return namespace === undefined ? `--user=${shellWord(user)}` : `--serviceaccount=${namespace}:${name ?? ""}`;
}
