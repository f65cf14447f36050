/** Addresses inside a world. Every world has the same ones, but for the link to the host, since each is a network of its own. */
export const addresses = {
  apiServerPort: 6443,
  services: "10.96.0.0/16",
  apiServerService: "10.96.0.1",
  dnsService: "10.96.0.10",
  clusterDomain: "cluster.local",
  pods: "10.244.0.0/20",
  podsGateway: "10.244.0.1",
  pods6: "fd00:10:244::/64",
  /** Benchmark range, RFC 2544: in no routing table of the internet. */
  outside: "198.18.0.0/15",
  outsideRouter: "198.18.0.1",
  outside6: "fd00:198:18::/64",
  outsideRouter6: "fd00:198:18::1",
} as const;

/** The one node's name. */
export const nodeName = "node-1";
