import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../tools/setup/command.ts";

export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority of one run; its keys go with the run. */
export interface Authority extends KeyPair {
  /** PEM. */
  readonly cert: string;
  /** @param subject  OpenSSL's form, e.g. `/O=system:masters/CN=admin` */
  issueClient(name: string, subject: string): Promise<KeyPair>;
  /** One that has been out of date since yesterday. */
  issueExpiredClient(name: string, subject: string): Promise<KeyPair>;
  /** @param names  subject alternative names, e.g. `IP:10.254.0.2`, `DNS:kubernetes` */
  issueServer(name: string, names: readonly string[]): Promise<KeyPair>;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256", "-days", "30"];

export async function createAuthority(directory: string): Promise<Authority> {
  await mkdir(directory, { recursive: true });
  const own = pairIn(directory, "ca");
  await request(own, [
    "-subj",
    "/CN=test-cluster",
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
  ]);
  return openAuthority(directory);
}

/** The authority that a run made, by its directory. */
export async function openAuthority(directory: string): Promise<Authority> {
  const own = pairIn(directory, "ca");
  const signed = ["-CA", own.certFile, "-CAkey", own.keyFile, "-addext", "basicConstraints=critical,CA:FALSE"];
  async function issue(name: string, subject: string, usage: string, more: readonly string[]): Promise<KeyPair> {
    const pair = pairIn(directory, name);
    await request(pair, [...signed, "-subj", subject, "-addext", `extendedKeyUsage=${usage}`, ...more]);
    return pair;
  }
  return {
    ...own,
    cert: await readFile(own.certFile, "utf8"),
    issueClient: (name, subject) => issue(name, subject, "clientAuth", []),
    issueExpiredClient: (name, subject) => issueExpired(directory, own, name, subject),
    issueServer: (name, names) =>
      issue(name, `/CN=${name}`, "serverAuth", ["-addext", `subjectAltName=${names.join(",")}`]),
  };
}

async function issueExpired(directory: string, own: KeyPair, name: string, subject: string): Promise<KeyPair> {
  const pair = pairIn(directory, name);
  const asked = join(directory, `${name}.csr`);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", pair.keyFile];
  await run(["openssl", "req", "-new", ...key, "-subj", subject, "-out", asked]);
  const signed = ["-CA", own.certFile, "-CAkey", own.keyFile, "-CAcreateserial"];
  await run(["openssl", "x509", "-req", "-in", asked, ...signed, "-days", "-1", "-out", pair.certFile]);
  return pair;
}

/** A certificate that signs itself, as the outside world's TLS site has. */
export async function createSelfSigned(directory: string, name: string): Promise<KeyPair> {
  await mkdir(directory, { recursive: true });
  const pair = pairIn(directory, name);
  await request(pair, ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`]);
  return pair;
}

/** The key that signs service account tokens, and its public half. */
export async function createTokenKey(
  directory: string,
): Promise<{ readonly keyFile: string; readonly publicFile: string }> {
  const keyFile = join(directory, "service-account.key");
  const publicFile = join(directory, "service-account.pub");
  const { stdout } = await run(["openssl", "genrsa", "2048"]);
  await writeFile(keyFile, stdout, { mode: 0o600 });
  await run(["openssl", "rsa", "-in", keyFile, "-pubout", "-out", publicFile]);
  return { keyFile, publicFile };
}

function pairIn(directory: string, name: string): KeyPair {
  return { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
}

async function request(pair: KeyPair, more: readonly string[]): Promise<void> {
  await run(["openssl", "req", "-x509", ...newKey, "-keyout", pair.keyFile, "-out", pair.certFile, ...more]);
}
