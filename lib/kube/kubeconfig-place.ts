import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { User } from "@kubernetes/client-node";
import { type ContextChoice, readKubeconfig } from "./kubeconfig.ts";

/** Where a command went and as whom, for its messages: nothing secret. */
export interface KubeconfigPlace {
  /** Empty: the pod's service account. */
  readonly files: readonly string[];
  readonly context: string;
  readonly cluster: string;
  readonly server: string;
  readonly user: string;
  readonly login: Login;
}

/** How the user shows who it is; `expiredAt` (RFC 3339) only where that is past, and can be seen from here. */
export type Login =
  | { readonly kind: "certificate" | "token"; readonly expiredAt?: string }
  | { readonly kind: "program"; readonly command: string }
  | { readonly kind: "service-account" | "none" | "other" };

/** @returns undefined where the kubeconfig cannot be used at all */
export function kubeconfigPlace(choice: ContextChoice): KubeconfigPlace | undefined {
  const read = readKubeconfig(choice);
  if (!read.ok) return undefined;
  const { config, files } = read.value;
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  return {
    files,
    context: config.getCurrentContext(),
    cluster: cluster?.name ?? "",
    server: cluster?.server ?? "",
    user: user?.name ?? "",
    login: files.length === 0 ? { kind: "service-account" } : loginOf(user),
  };
}

function loginOf(user: User | null): Login {
  const { token, exec, certFile, certData, authProvider, username } = user ?? {};
  if (token) return { kind: "token", ...past(tokenEnd(token)) };
  if (exec) return { kind: "program", command: String((exec as { readonly command?: unknown }).command ?? "") };
  if (certFile || certData) return { kind: "certificate", ...past(certificateEnd(certFile, certData)) };
  return { kind: authProvider || username ? "other" : "none" };
}

function past(endMs: number | undefined): { readonly expiredAt?: string } {
  if (endMs === undefined || !(endMs < Date.now())) return {};
  return { expiredAt: new Date(endMs).toISOString().replace(/\.\d+Z$/, "Z") };
}

function certificateEnd(file: string | undefined, data: string | undefined): number | undefined {
  try {
    const pem = file ? readFileSync(file) : Buffer.from(data ?? "", "base64");
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    // A file that is no certificate fails at the first request, in words of its own.
    return undefined;
  }
}

/** Of a JSON Web Token, in ms since the epoch; other tokens do not tell. */
function tokenEnd(token: string): number | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as {
      exp?: unknown;
    };
    return typeof claims.exp === "number" ? claims.exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}
