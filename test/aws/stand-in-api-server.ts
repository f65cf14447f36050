import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../tools/setup/command.ts";

export interface RecordedRequest {
  /** Ms since the epoch. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly token: string;
}

/** An API server that answers everything with one status, and remembers what it was asked. */
export interface StandInApiServer {
  readonly endpoint: string;
  /** PEM. */
  readonly ca: string;
  readonly requests: readonly RecordedRequest[];
  /** From now on; 503 at first. `silence` takes requests and never answers. */
  answer(status: number | "silence"): void;
  close(): Promise<void>;
}

export async function startStandInApiServer(): Promise<StandInApiServer> {
  const { key, cert } = await selfSigned();
  const requests: RecordedRequest[] = [];
  let status: number | "silence" = 503;
  const server: Server = createServer({ key, cert }, (request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push({ at: Date.now(), method, path: url, token: headers.authorization?.replace(/^Bearer /, "") ?? "" });
    if (status === "silence") return;
    const body = { apiVersion: "v1", kind: "Status", status: "Failure", code: status, message: `stand-in: ${status}` };
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("stand-in API server: no port");
  return {
    endpoint: `https://127.0.0.1:${bound.port}`,
    ca: cert,
    requests,
    answer(next) {
      status = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function selfSigned(): Promise<{ readonly key: string; readonly cert: string }> {
  const directory = await mkdtemp(join(tmpdir(), "osm-egress-tls-"));
  try {
    const [keyFile, certFile] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const subject = ["-subj", "/CN=stand-in", "-addext", "subjectAltName=IP:127.0.0.1"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    await run(["openssl", "req", "-x509", ...kind, ...subject, "-keyout", keyFile, "-out", certFile]);
    return { key: await readFile(keyFile, "utf8"), cert: await readFile(certFile, "utf8") };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
