import type { Json } from "./canonical-json.ts";

type Fields = { readonly [field: string]: Json };

/** A resource or extension configuration with the type URL that Envoy finds it by; names alone are not looked up. */
export function typed(type: string, fields: Fields = {}): Fields {
  return { "@type": `type.googleapis.com/${type}`, ...fields };
}

/** Address of a TCP socket. */
export function socketAddress(address: string, port: number): Fields {
  return { socket_address: { address, port_value: port } };
}
