import { existsSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import { EgressError } from "../errors.ts";
import { type Impersonation, type KubeConnection, openConnection } from "./connection.ts";
import {
  type KubeconfigFault,
  kubeconfigFiles,
  type Loaded,
  loadKubeconfigFile,
  noKubeconfig,
} from "./kubeconfig-file.ts";

/** Of the command line; absent: as kubectl chooses. */
export interface ContextChoice {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** A kubeconfig with a context that leads to a server. */
export interface ReadKubeconfig {
  readonly config: KubeConfig;
  /** Empty in a pod without any: its service account. */
  readonly files: readonly string[];
}

const podToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/**
 * The cluster that kubectl would speak to: `--kubeconfig`, `$KUBECONFIG` (files that are not there are left out; of two
 * entries with one name the first counts), `~/.kube/config`, and in a pod without any of them its service account.
 */
export function readKubeconfig(choice: ContextChoice = {}): Loaded<ReadKubeconfig> {
  const files = kubeconfigFiles(choice.kubeconfig);
  if (!files.ok) return files;
  const loaded = loadAll(files.value);
  if (!loaded.ok) return loaded;
  const config = loaded.value;
  if (choice.context !== undefined) config.setCurrentContext(choice.context);
  const fault = contextFault(config, files.value.join(" and "));
  return fault ? { ok: false, fault } : { ok: true, value: { config, files: files.value } };
}

/**
 * Idle connections are closed after undici's 4 s, so a watch that gave up a dead one finds no other dead one to go on with.
 *
 * @throws EgressError `settings-invalid` where there is no kubeconfig that can be used
 */
export function openKubeconfig(choice: ContextChoice = {}, impersonate?: Impersonation): KubeConnection {
  const read = readKubeconfig(choice);
  if (!read.ok) throw new EgressError("settings-invalid", `${read.fault.what}; ${read.fault.remedy}`);
  return openConnection(read.value.config, impersonate);
}

/** The context's namespace, which kubectl takes for objects that name none; of a kubeconfig that cannot be read none. */
export function contextNamespace(choice: ContextChoice): string {
  const read = readKubeconfig(choice);
  if (!read.ok) return "default";
  const { config } = read.value;
  return config.getContextObject(config.getCurrentContext())?.namespace ?? "default";
}

function loadAll(files: readonly string[]): Loaded<KubeConfig> {
  const config = new KubeConfig();
  if (files.length === 0) {
    if (!existsSync(podToken)) return { ok: false, fault: noKubeconfig };
    config.loadFromCluster();
    return { ok: true, value: config };
  }
  for (const file of files) {
    const loaded = loadKubeconfigFile(file);
    if (!loaded.ok) return loaded;
    const { clusters, contexts, users, currentContext } = loaded.value;
    config.loadFromOptions({
      clusters: withOthers(config.clusters, clusters),
      contexts: withOthers(config.contexts, contexts),
      users: withOthers(config.users, users),
      currentContext: config.currentContext || currentContext,
    });
  }
  return { ok: true, value: config };
}

function withOthers<T extends { readonly name: string }>(first: readonly T[], more: readonly T[]): T[] {
  return [...first, ...more.filter(({ name }) => !first.some((it) => it.name === name))];
}

function contextFault(config: KubeConfig, where: string): KubeconfigFault | undefined {
  const chosen = config.getCurrentContext();
  const known = config.getContexts().map(({ name }) => name);
  const others = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
  if (!chosen) {
    return {
      what: `kubeconfig ${where}: no context is chosen; ${others}`,
      remedy: "choose one with --context NAME, or for good: kubectl config use-context NAME",
    };
  }
  const context = config.getContextObject(chosen);
  if (!context) {
    return {
      what: `kubeconfig ${where} has no context ${chosen}; ${others}`,
      remedy: "choose another with --context NAME: kubectl config get-contexts",
    };
  }
  const { cluster, user } = context;
  const missing = !config.getCluster(cluster)
    ? `cluster ${cluster}`
    : user && !config.getUser(user)
      ? `user ${user}`
      : undefined;
  if (missing !== undefined) {
    return {
      what: `kubeconfig ${where}: context ${chosen} is of ${missing}, which the file does not have`,
      remedy: "choose another with --context NAME: kubectl config get-contexts",
    };
  }
  return serverFault(config, where);
}

function serverFault(config: KubeConfig, where: string): KubeconfigFault | undefined {
  const { name, server, skipTLSVerify } = config.getCurrentCluster() ?? { name: "", server: "", skipTLSVerify: false };
  const remedy = `kubectl config set-cluster ${name} --server=https://HOST:PORT`;
  if (!URL.canParse(server))
    return { what: `kubeconfig ${where}: server of cluster ${name} is no URL: ${server}`, remedy };
  // client-node refuses it too, at the first request.
  if (new URL(server).protocol === "https:" || skipTLSVerify) return undefined;
  return { what: `kubeconfig ${where}: server of cluster ${name} is not https: ${server}`, remedy };
}
