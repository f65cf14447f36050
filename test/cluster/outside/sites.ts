/** What the outside world offers. Its addresses and names are the same in every world; each world has its own. */
export const outsidePorts = { http: 80, tls: 443, tcp: 9000, udp: 9001, quic: 443, dns: 53 } as const;

export interface Site {
  /** Has an IPv4 address only: not every client tries the other family when one is refused. */
  readonly name: string;
  readonly address: string;
  /** Has an IPv6 address only. */
  readonly name6: string;
  readonly address6: string;
  readonly port: number;
  /** `name:port`. */
  readonly target: string;
}

function site(host: string, last: number, port: number): Site {
  const name = `${host}.outside.test`;
  return {
    name,
    address: `198.18.0.${last}`,
    name6: `${host}.v6.outside.test`,
    address6: `fd00:198:18::${last}`,
    port,
    target: `${name}:${port}`,
  };
}

export const sites = {
  http: site("site", 10, outsidePorts.http),
  tls: site("tls", 11, outsidePorts.tls),
  tcp: site("tcp", 12, outsidePorts.tcp),
  udp: site("udp", 13, outsidePorts.udp),
  /** UDP echoes as well, where QUIC and name servers would be. */
  quic: site("quic", 14, outsidePorts.quic),
  dns: site("dns", 15, outsidePorts.dns),
} as const;
