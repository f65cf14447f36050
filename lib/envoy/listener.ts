import { ports } from "../mesh/names.ts";
import type { InMeshDestination } from "../mesh/sidecar-policy.ts";
import { accessLog } from "./access-log.ts";
import type { Json } from "./canonical-json.ts";
import { chainMatcher } from "./chain-matcher.ts";
import { clusterNames } from "./clusters.ts";
import { socketAddress, typed } from "./typed-config.ts";

/** Names of filter chains, as they stand in access logs. */
export const chainNames = {
  inMesh: "in-mesh",
  inMeshRefused: "in-mesh-refused",
  egress: "egress",
  egressRefused: "egress-refused",
  loop: "loop-refused",
} as const;

/**
 * The sidecar's outbound listener: the matcher sends in-mesh destinations to their chain, everything else falls to the
 * default chain, which is the egress switch.
 *
 * Only `filter_chains`, `default_filter_chain` and `filter_chain_matcher` ever differ between two versions, so Envoy
 * updates in place: chains with equal bytes keep their connections, and a change of Services alone, which changes the
 * matcher and no chain, cuts nothing. At least one chain besides the default one must exist, or Envoy replaces the whole
 * listener; the chain against loops through the listener's own port is always there.
 *
 * @see docs/decisions/0002
 */
export function outboundListener(egress: boolean, destinations: readonly InMeshDestination[]): Json {
  const allowed = destinations.filter((destination) => destination.allowed);
  const refused = destinations.filter((destination) => !destination.allowed);
  const chains: Json[] = [refusingChain(chainNames.loop)];
  if (allowed.length > 0) chains.push(forwardingChain(chainNames.inMesh, clusterNames.inMesh));
  if (refused.length > 0) chains.push(refusingChain(chainNames.inMeshRefused));
  return typed("envoy.config.listener.v3.Listener", {
    name: "outbound",
    address: socketAddress("0.0.0.0", ports.outbound),
    traffic_direction: "OUTBOUND",
    listener_filters: [
      {
        name: "envoy.filters.listener.original_dst",
        typed_config: typed("envoy.extensions.filters.listener.original_dst.v3.OriginalDst"),
      },
    ],
    filter_chain_matcher: chainMatcher([
      { chain: chainNames.loop, destinations: [{ port: ports.outbound }] },
      { chain: chainNames.inMesh, destinations: allowed },
      { chain: chainNames.inMeshRefused, destinations: refused },
    ]),
    filter_chains: chains,
    default_filter_chain: egress
      ? forwardingChain(chainNames.egress, clusterNames.passthrough)
      : refusingChain(chainNames.egressRefused),
  });
}

function forwardingChain(name: string, cluster: string): Json {
  // check_drain_close cuts a sending connection at its next byte once the chain drains, instead of at the timer.
  return chain(name, { stat_prefix: name, cluster, check_drain_close: true });
}

function refusingChain(name: string): Json {
  return chain(name, { stat_prefix: name, cluster: clusterNames.refused, access_log: [accessLog] });
}

function chain(name: string, tcpProxy: { readonly [field: string]: Json }): Json {
  return {
    name,
    filters: [
      {
        name: "envoy.filters.network.tcp_proxy",
        typed_config: typed("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", tcpProxy),
      },
    ],
  };
}
