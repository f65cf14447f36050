import { writeFile } from "node:fs/promises";
import type { Authority, KeyPair } from "./certificates.ts";

/** Writes a kubeconfig of one cluster and one client certificate, all by file name. */
export async function writeKubeconfig(
  path: string,
  server: string,
  authority: Authority,
  client: KeyPair,
): Promise<string> {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority": authority.certFile } }],
    users: [{ name: "test", user: { "client-certificate": client.certFile, "client-key": client.keyFile } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  };
  await writeFile(path, JSON.stringify(config, undefined, 2), { mode: 0o600 });
  return path;
}
