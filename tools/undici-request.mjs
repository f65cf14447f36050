// What the functions use of undici, for their bundles: its index loads fetch, caches, mocks and WebSocket as well, a third
// of a function's code. As undici's own index.js wires it, version 8.12.4; no types, because its parts have none.

import * as api from "undici/lib/api/index.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";

Object.assign(Dispatcher.prototype, api.default);

export { Agent };

export function request(url, { dispatcher, ...options }) {
  const { origin, pathname, search } = new URL(url);
  return dispatcher.request({ ...options, origin, path: pathname + search });
}
