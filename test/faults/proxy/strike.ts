import type { IncomingMessage, ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiFault, Meet } from "./fault.ts";

/** One request, as far as it has come. */
export interface Struck {
  /** The client's side. */
  readonly near: ServerResponse;
  readonly passOn: () => Promise<IncomingMessage>;
  /** Called once. @param status  undefined: the server was not asked, or did not answer */
  readonly record: (status: number | undefined, answer?: string) => void;
  readonly isWatch: boolean;
  /** Of the client's connection. */
  readonly reset: () => void;
}

/** Passes a request on, or does to it what the fault says. @throws where the server does not answer */
export async function strike(fault: ApiFault | undefined, struck: Struck): Promise<void> {
  const { near, record } = struck;
  switch (fault?.kind) {
    case undefined:
      return relay(struck);
    case "answer": {
      record(undefined);
      const headers = { "content-type": "application/json", ...fault.headers };
      near.writeHead(fault.status, headers).end(JSON.stringify(statusObject(fault.status)));
      return;
    }
    case "reset":
    case "hang":
      if (fault.when === "after") await fetched(struck);
      else record(undefined);
      if (fault.kind === "reset") struck.reset();
      return;
    case "half": {
      const answer = await fetched(struck);
      near.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
      near.write(answer.body.subarray(0, answer.body.length / 2), () => breakOff(near));
      return;
    }
    case "slow":
      return drip(near, await fetched(struck), fault.forMs);
    case "lines":
      near.writeHead(200, { "content-type": "application/json" });
      for (const line of fault.lines) near.write(`${JSON.stringify(line)}\n`);
      if (fault.afterwards === "server") return relay(struck);
      record(undefined);
      near.end();
      return;
    case "meet line":
      return relayLines(struck, fault);
    case "meet":
      return fault.when === "before" ? meetBefore(fault, struck) : meetAfter(fault, struck);
  }
}

interface Meeting {
  readonly when: "before" | "after";
  readonly meet: Meet;
}

async function meetBefore({ meet }: Meeting, struck: Struck): Promise<void> {
  if ((await meet()) === "go on") return relay(struck);
  struck.record(undefined);
  struck.reset();
}

async function meetAfter({ meet }: Meeting, struck: Struck): Promise<void> {
  const answer = await fetched(struck);
  if ((await meet()) === "drop") struck.reset();
  else struck.near.writeHead(answer.status, answer.headers).end(answer.body);
}

interface Fetched {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** The whole answer: the request has been carried out. */
async function fetched({ passOn, record }: Struck): Promise<Fetched> {
  const answer = await passOn().catch((error: unknown) => {
    record(undefined);
    throw error;
  });
  const body = await buffer(answer);
  const status = answer.statusCode ?? 0;
  record(status, body.toString("utf8"));
  const { "transfer-encoding": _, connection: __, ...headers } = answer.headers;
  return { status, headers, body };
}

async function relay(struck: Struck): Promise<void> {
  if (struck.isWatch) {
    (await opened(struck)).pipe(struck.near);
    return;
  }
  const { status, headers, body } = await fetched(struck);
  struck.near.writeHead(status, headers).end(body);
}

async function relayLines(struck: Struck, { when, meet }: Meeting): Promise<void> {
  const { near, reset } = struck;
  let isMet = false;
  for await (const line of createInterface({ input: await opened(struck) })) {
    const isDue: boolean = !isMet && !line.includes('"type":"BOOKMARK"');
    isMet ||= isDue;
    if (isDue && when === "before" && (await meet()) === "drop") return reset();
    near.write(`${line}\n`);
    if (isDue && when === "after" && (await meet()) === "drop") return reset();
  }
  near.end();
}

/** The server's side of a watch, which goes on for as long as both want it. */
async function opened({ near, passOn, record }: Struck): Promise<IncomingMessage> {
  const answer = await passOn();
  record(answer.statusCode);
  if (!near.headersSent) {
    const { "transfer-encoding": _, connection: __, ...headers } = answer.headers;
    near.writeHead(answer.statusCode ?? 0, headers).flushHeaders();
  }
  near.on("close", () => answer.destroy());
  answer.on("error", () => breakOff(near));
  return answer;
}

async function drip(near: ServerResponse, { status, headers, body }: Fetched, forMs: number): Promise<void> {
  const parts = 10;
  near.writeHead(status, { ...headers, "content-length": body.length });
  for (let part = 0; part < parts; part++) {
    near.write(body.subarray((body.length * part) / parts, (body.length * (part + 1)) / parts));
    await sleep(forMs / parts);
  }
  near.end();
}

/** What has been written goes out first: a reset would overtake it. */
function breakOff(near: ServerResponse): void {
  near.socket?.destroySoon();
}

function statusObject(code: number): object {
  return { apiVersion: "v1", kind: "Status", status: "Failure", code, message: `the proxy answers ${code}` };
}
