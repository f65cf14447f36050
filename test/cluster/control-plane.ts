import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addresses } from "./addresses.ts";
import { auditPolicy } from "./audit-policy.ts";
import { createTokenKey } from "./certificates.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { World } from "./world.ts";

/** A kubeconfig file of the TokenReview webhook is written from it. */
export interface TokenWebhook {
  readonly url: string;
  /** PEM; without it the URL is plain HTTP. */
  readonly ca?: string;
}

export interface ControlPlaneOptions {
  readonly authenticationTokenWebhook?: TokenWebhook;
  /** Added to kube-apiserver's command line. */
  readonly apiServerFlags?: readonly string[];
}

/** Starts etcd, the API server, the controllers and the scheduler; does not wait for any of them. */
export async function startControlPlane(world: World, binary: string, options: ControlPlaneOptions): Promise<string> {
  const { directory, authority, address } = world;
  const pki = join(directory, "pki");
  await world.spawn("etcd", [
    ...[binary, "etcd", "--name=etcd", `--data-dir=${join(directory, "etcd")}`, "--unsafe-no-fsync"],
    ...["--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379"],
    ...["--listen-peer-urls=http://127.0.0.1:2380", "--log-level=warn", "--quota-backend-bytes=4294967296"],
  ]);
  const [token, serving, toKubelet, kubeconfigs] = await Promise.all([
    createTokenKey(pki),
    authority.issueServer("kube-apiserver", [
      ...[`IP:${address}`, `IP:${addresses.apiServerService}`, "IP:127.0.0.1"],
      ...["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map((name) => `DNS:${name}`),
      `DNS:kubernetes.default.svc.${addresses.clusterDomain}`,
    ]),
    authority.issueClient("kube-apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
    Promise.all(
      ["kube-controller-manager", "kube-scheduler"].map(async (name) => {
        const client = await authority.issueClient(name, `/CN=system:${name}`);
        return writeKubeconfig(join(directory, `${name}.kubeconfig`), world.apiServer.url, authority, client);
      }),
    ),
  ]);
  const policyFile = join(directory, "audit-policy.json");
  await writeFile(policyFile, JSON.stringify(auditPolicy));
  const webhook = options.authenticationTokenWebhook;
  await world.spawn("kube-apiserver", [
    ...[binary, "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--allow-privileged=true"],
    ...["--bind-address=0.0.0.0", `--secure-port=${addresses.apiServerPort}`, `--advertise-address=${address}`],
    ...[`--tls-cert-file=${serving.certFile}`, `--tls-private-key-file=${serving.keyFile}`],
    ...[`--client-ca-file=${authority.certFile}`, `--service-cluster-ip-range=${addresses.services}`],
    `--service-account-issuer=https://kubernetes.default.svc.${addresses.clusterDomain}`,
    `--service-account-key-file=${token.publicFile}`,
    `--service-account-signing-key-file=${token.keyFile}`,
    // NodeRestriction is no default of Kubernetes', but every distribution has it on.
    ...["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"],
    `--kubelet-certificate-authority=${authority.certFile}`,
    ...[`--kubelet-client-certificate=${toKubelet.certFile}`, `--kubelet-client-key=${toKubelet.keyFile}`],
    "--kubelet-preferred-address-types=InternalIP",
    ...[`--audit-policy-file=${policyFile}`, `--audit-log-path=${world.auditLogPath}`, "--audit-log-maxsize=2000"],
    ...(webhook ? await webhookFlags(world, webhook) : []),
    ...(options.apiServerFlags ?? []),
  ]);
  const [controllers, scheduling] = kubeconfigs;
  await world.spawn("kube-controller-manager", [
    ...[binary, "kube-controller-manager", `--kubeconfig=${controllers}`, "--leader-elect=false"],
    ...["--use-service-account-credentials=true", `--service-account-private-key-file=${token.keyFile}`],
    ...[`--root-ca-file=${authority.certFile}`, "--bind-address=127.0.0.1"],
    // Its start makes an account and a token for each of its controllers: at the default rate that takes 5 s.
    ...["--kube-api-qps=300", "--kube-api-burst=600"],
    ...[`--cluster-signing-cert-file=${authority.certFile}`, `--cluster-signing-key-file=${authority.keyFile}`],
  ]);
  await world.spawn("kube-scheduler", [
    ...[binary, "kube-scheduler", `--kubeconfig=${scheduling}`, "--leader-elect=false", "--bind-address=127.0.0.1"],
  ]);
  const admin = await authority.issueClient("admin", "/O=system:masters/CN=admin");
  return writeKubeconfig(join(directory, "admin.kubeconfig"), world.apiServer.url, authority, admin);
}

async function webhookFlags(world: World, webhook: TokenWebhook): Promise<readonly string[]> {
  const path = join(world.directory, "token-webhook.kubeconfig");
  const ca =
    webhook.ca === undefined ? {} : { "certificate-authority-data": Buffer.from(webhook.ca).toString("base64") };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "webhook", cluster: { server: webhook.url, ...ca } }],
    users: [{ name: "kube-apiserver", user: {} }],
    contexts: [{ name: "webhook", context: { cluster: "webhook", user: "kube-apiserver" } }],
    "current-context": "webhook",
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return [
    `--authentication-token-webhook-config-file=${path}`,
    "--authentication-token-webhook-version=v1",
    // Changes of access entries count at once.
    "--authentication-token-webhook-cache-ttl=1s",
  ];
}
