import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type BusEvent, type Cluster, carriedOut, type SentMessage } from "./aws-calls.ts";
import { type AwsCall, type AwsCallName, type AwsFault, type AwsFaults, errorAnswer } from "./aws-fault.ts";
import { skewError } from "./signing-time.ts";

export type { BusEvent } from "./aws-calls.ts";

/** As much of AWS as the functions and the forwarder call: one cluster, one bus, one queue. */
export interface StandInAws {
  readonly url: string;
  /** In the order in which they were taken. */
  readonly events: BusEvent[];
  readonly sent: SentMessage[];
  /** Every call, with what befell it, in the order in which they came. */
  readonly calls: (AwsCall & { readonly fault: AwsFault | undefined })[];
  /** From now on; nothing at first. */
  faults: AwsFaults;
  close(): Promise<void>;
}

export async function startStandInAws(cluster: Cluster): Promise<StandInAws> {
  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const self: StandInAws = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events: [],
    sent: [],
    calls: [],
    faults: () => undefined,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return self;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, url = "", socket } = request;
    const name = nameOf(request);
    const body = await text(request);
    const answer = (status: number, said: object, more: Readonly<Record<string, string>> = {}) =>
      void response
        .writeHead(status, { "content-type": "application/x-amz-json-1.1", ...more })
        .end(JSON.stringify(said));
    if (name === undefined) return answer(404, { message: `no such call here: ${url}` });
    const call: AwsCall = {
      atMs: Date.now(),
      name,
      sender: /Credential=([^/]+)/.exec(headers.authorization ?? "")?.[1] ?? "",
    };
    const fault = skewError(headers["x-amz-date"]) ?? self.faults(call);
    self.calls.push({ ...call, fault });
    const carryOut = () => carriedOut({ ...call, url, body, fault }, cluster, self);
    switch (fault?.kind) {
      case "error": {
        const said = errorAnswer(name, fault);
        return answer(said.status, said.body, said.headers);
      }
      case "reset":
      case "hang":
        if (fault.when === "after") carryOut();
        if (fault.kind === "reset") socket.resetAndDestroy();
        return;
      case "meet": {
        const early = fault.when === "after" ? carryOut() : undefined;
        if ((await fault.meet()) === "drop") return void socket.destroy();
        return answer(200, early ?? carryOut());
      }
      case "entries":
      case "swallowed":
      case undefined:
        return answer(200, carryOut());
    }
  }
}

function nameOf({ headers, url = "" }: IncomingMessage): AwsCallName | undefined {
  if (/^\/clusters(\?|$)/.test(url)) return "ListClusters";
  if (url.startsWith("/clusters/")) return "DescribeCluster";
  const target = String(headers["x-amz-target"] ?? "").split(".");
  return (["ChangeMessageVisibility", "PutEvents", "SendMessage", "GetSecretValue"] as const).find(
    (name) => name === target.at(-1),
  );
}
