import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Meet } from "#test/faults/proxy/fault.ts";

/** Stands between a client and the emulator: the test is told of calls as they come, or of their answers. */
export interface AwsBetween {
  readonly url: string;
  /** Names of the calls that were carried out, as `AWSEvents.PutEvents`. */
  readonly carriedOut: string[];
  /** From now on; nothing at first. */
  meeting: (call: string) => { readonly when: "before" | "after"; readonly meet: Meet } | undefined;
  close(): Promise<void>;
}

export async function startAwsBetween(endpoint: string): Promise<AwsBetween> {
  const server = createServer((request, response) => {
    // Whoever was killed hears no answer.
    serve(request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const self: AwsBetween = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    carriedOut: [],
    meeting: () => undefined,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return self;

  async function serve(near: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = String(near.headers["x-amz-target"] ?? "");
    const body = await buffer(near);
    const meeting = self.meeting(call);
    if (meeting?.when === "before" && (await meeting.meet()) === "drop") return void near.socket.destroy();
    // With the headers that it was signed with, its host's among them.
    const { method, headers, url = "/" } = near;
    const far = httpRequest(new URL(url, endpoint), { method, headers });
    far.end(body);
    const [answer] = (await once(far, "response")) as [IncomingMessage];
    self.carriedOut.push(call);
    if (meeting?.when === "after" && (await meeting.meet()) === "drop") return void near.socket.destroy();
    answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
  }
}
