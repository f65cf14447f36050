// What nothing can be faster than: an empty handler and one HTTPS GET. By its class and not by https.get, which the
// emulator turns into plain HTTP for addresses of its own.
import { ClientRequest } from "node:http";
import { Agent } from "node:https";

export const handler = () =>
  new Promise((resolve, reject) => {
    const { hostname, port, pathname } = new URL(process.env.BARE_URL);
    const agent = new Agent({ ca: process.env.BARE_CA });
    const headers = { authorization: "Bearer none", connection: "close" };
    new ClientRequest({ protocol: "https:", agent, hostname, port, path: pathname, headers }, (response) =>
      response.resume().on("end", resolve),
    )
      .on("error", reject)
      .end();
  });
