import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Authority, createAuthority } from "#test/cluster/certificates.ts";
import { failureOf } from "#test/osm-run.ts";
import { ensureKubernetesBinary } from "../../tools/setup/kubernetes-binary.ts";
import { kubeconfigOf } from "./api.ts";
import { osmSaid } from "./osm-said.ts";
import { type ApiServer, startApiServer } from "./server.ts";
import { identities } from "./setup.ts";

const secret = "0123456789abcdef-secret";
const base64 = (text: string) => Buffer.from(text).toString("base64");

let directory = "";
let authority: Authority;
/** One that takes client certificates, and has the API of the policies switched off. */
let other: ApiServer;
let silent: Server;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "osm-errors-"));
  authority = await createAuthority(directory);
  // The four that cannot start without the API.
  const kinds = ["AdmissionPolicy", "AdmissionWebhook"].flatMap((kind) => [`Mutating${kind}`, `Validating${kind}`]);
  other = await startApiServer(await ensureKubernetesBinary((line) => console.error(line)), identities, {
    flags: [
      `--client-ca-file=${authority.certFile}`,
      "--runtime-config=admissionregistration.k8s.io/v1=false",
      `--disable-admission-plugins=${kinds.join(",")}`,
    ],
  });
  silent = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
  await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
});
afterAll(async () => {
  silent?.close();
  await other?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** The run's own API server and its administrator, with what is different. */
function config({ cluster = {}, user }: { readonly cluster?: object; readonly user?: object } = {}): object {
  const { url, caData, tokens } = inject("apiServer");
  return {
    clusters: [{ name: "shop", cluster: { server: url, "certificate-authority-data": caData, ...cluster } }],
    users: [{ name: "ann", user: user ?? { token: tokens["admin"] } }],
    contexts: [{ name: "prod", context: { cluster: "shop", user: "ann" } }],
    "current-context": "prod",
  };
}

/** Every kind of command that asks a cluster, and what it does when there is no mesh does not matter here. */
const commands: readonly (readonly string[])[] = [
  ["install"],
  ["namespace", "list", "-o", "json"],
  ["namespace", "add", "shop"],
  ["namespace", "remove", "shop"],
  ["egress", "status", "-o", "yaml"],
  ["egress", "enable"],
  ["egress", "disable"],
  ["restart", "--outdated", "-o", "json"],
];

async function failure(kubeconfig: object, ...args: readonly string[]) {
  const said = await osmSaid(kubeconfig, ...args);
  expect([said.exitCode, said.stdout]).toEqual([1, ""]);
  expect(said.stderr).not.toMatch(/\n\s+at /);
  const { tokens } = inject("apiServer");
  for (const token of [secret, ...Object.values(tokens)]) expect(said.stderr).not.toContain(token);
  return { ...failureOf(said), file: said.file };
}

describe.each(commands.map((args) => [args]))("osm %j", (args) => {
  test("where nobody listens", async () => {
    const { what, remedy, file } = await failure(config({ cluster: { server: "https://127.0.0.1:1" } }), ...args);
    expect(what).toBe(`nothing listens at https://127.0.0.1:1 (context prod, user ann, in ${file}) [ECONNREFUSED]`);
    expect(remedy).toContain("kubectl config set-cluster shop --server=https://HOST:PORT");
  });

  test("with a token that the server does not know", async () => {
    const { what, remedy, file } = await failure(config({ user: { token: secret } }), ...args);
    expect(what).toContain(`does not take the user's token (context prod, user ann, in ${file})`);
    expect(remedy).toContain(`kubectl --kubeconfig ${file} auth whoami`);
  });

  test("without the program that logs in", async () => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "osm-no-such-program", args: [secret] };
    const { what, remedy } = await failure(config({ user: { exec } }), ...args);
    expect(what).toMatch(
      /^the user logs in with program osm-no-such-program, which is not there \(context prod, user ann/,
    );
    expect(remedy).toContain("command -v osm-no-such-program");
  });
});

const status = ["egress", "status"];

test.each([
  [
    "nobody.invalid",
    /^the name does not resolve: https:\/\/nobody\.invalid:6443 \(context prod/,
    /getent hosts nobody\.invalid/,
  ],
])("server %s", async (host, what, remedy) => {
  const found = await failure(config({ cluster: { server: `https://${host}:6443` } }), ...status);
  expect(found.what).toMatch(what);
  expect(found.remedy).toMatch(remedy);
});

test("another cluster's authority", async () => {
  const cluster = { "certificate-authority-data": base64(authority.cert) };
  const { what, remedy } = await failure(config({ cluster }), ...status);
  expect(what).toMatch(
    /^the kubeconfig's certificate authority has not signed the certificate of https:\/\/127.*\(context prod/,
  );
  expect(remedy).toContain("aws eks update-kubeconfig --name CLUSTER");
});

test("an authority file that is not there", async () => {
  const cluster = { "certificate-authority-data": undefined, "certificate-authority": "/nowhere/ca.crt" };
  const { what, remedy } = await failure(config({ cluster }), ...status);
  expect(what).toMatch(/^the kubeconfig names \/nowhere\/ca\.crt, which cannot be read: ENOENT \(context prod/);
  expect(remedy).toBe("see whether it is there: ls -l /nowhere/ca.crt");
});

test("another name than the certificate's", async () => {
  const { what, remedy } = await failure(config({ cluster: { "tls-server-name": "elsewhere" } }), ...status);
  expect(what).toMatch(/^the certificate is for another name than that of .*\[ERR_TLS_CERT_ALTNAME_INVALID\]$/);
  expect(remedy).toContain("kubectl config set-cluster shop --server=https://NAME");
});

test("something that speaks no TLS", async () => {
  const { what, remedy } = await failure(
    config({ cluster: { server: `https://127.0.0.1:${portOf(silent)}` } }),
    ...status,
  );
  expect(what).toMatch(/^something else than an API server answers at https:\/\/127/);
  expect(remedy).toContain("kubectl config set-cluster shop --server=");
});

test("a token that has expired, as it says itself", async () => {
  const claims = Buffer.from(JSON.stringify({ exp: 1_577_836_800 })).toString("base64url");
  const { what } = await failure(config({ user: { token: `eyJhbGciOiJSUzI1NiJ9.${claims}.c2ln` } }), ...status);
  expect(what).toMatch(/^the user's token expired at 2020-01-01T00:00:00Z \(context prod/);
});

test("a program that fails: its own words, and who AWS thinks one is", async () => {
  const program = join(directory, "aws");
  writeFileSync(program, "#!/bin/sh\necho 'Error loading SSO Token: Token has expired' >&2\nexit 255\n", {
    mode: 0o755,
  });
  const { what, remedy } = await failure(config({ user: { exec: { command: program } } }), ...status);
  expect(what).toMatch(
    /aws, with which the user logs in, failed \(context prod.*: Error loading SSO Token: Token has expired$/,
  );
  expect(remedy).toContain("aws sts get-caller-identity");
});

describe("against a server that takes client certificates", () => {
  const at = (user: object) =>
    config({ cluster: { server: other.url, "certificate-authority-data": base64(other.certificateAuthority) }, user });
  const certificate = (pair: { readonly certFile: string; readonly keyFile: string }) => ({
    "client-certificate": pair.certFile,
    "client-key": pair.keyFile,
  });

  test("an expired one: since when", async () => {
    const pair = await authority.issueExpiredClient("expired", "/O=system:masters/CN=ann");
    const { what, remedy } = await failure(at(certificate(pair)), ...status);
    expect(what).toMatch(/^the user's client certificate expired at \d{4}-[\d-]+T[\d:]+Z \(context prod, user ann, in/);
    expect(remedy).toContain("config get-contexts");
  });

  test("another authority's", async () => {
    const foreign = await createAuthority(join(directory, "foreign"));
    const pair = await foreign.issueClient("ann", "/O=system:masters/CN=ann");
    const { what } = await failure(at(certificate(pair)), ...status);
    expect(what).toMatch(/does not take the user's client certificate \(context prod/);
  });

  test("the API of the policies is switched off: osm install refuses, and makes nothing", async () => {
    const pair = await authority.issueClient("admin", "/O=system:masters/CN=ann");
    const { what, remedy } = await failure(at(certificate(pair)), "install");
    expect(what).toMatch(
      /^the API server \(v1\.\d+\.\d+[^)]*\) serves no ValidatingAdmissionPolicy in admissionregistration\.k8s\.io\/v1, though its version could/,
    );
    expect(remedy).toContain("--runtime-config");
    const list = await osmSaid(at(certificate(pair)), "namespace", "list");
    expect(list.stdout).toBe("No namespaces in any mesh\n");
    expect((await failure(at(certificate(pair)), ...status)).what).toMatch(
      /^no mesh is installed in namespace osm-system/,
    );
  });
});

test("a context that is not there", async () => {
  const said = await osmSaid(kubeconfigOf("admin"), ...status, "--context", "stage");
  expect(failureOf(said)).toEqual({
    what: `kubeconfig ${said.file} has no context stage; it has c`,
    remedy: "choose another with --context NAME: kubectl config get-contexts",
  });
});
