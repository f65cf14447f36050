import type { Json } from "./canonical-json.ts";
import { typed } from "./typed-config.ts";

/** Destinations of a chain: an address range and a port, or either alone. */
export interface ChainDestinations {
  readonly chain: string;
  readonly destinations: readonly { readonly cidr?: string; readonly port?: number }[];
}

/**
 * The tree by which the listener chooses a chain: by destination port, then by address, then by the longest range; what
 * it does not find goes to the default chain.
 *
 * A range without a port holds for every port: it is repeated under each port that has entries of its own, so that
 * nothing depends on whether Envoy comes back from a port's subtree (1.40.0 does). Single addresses are matched as text, since Envoy still marks its range
 * matcher as work in progress; it is rendered only where a real range is configured.
 *
 * @throws Error when one address and port is claimed by two chains; the mesh model must have decided
 * @see xds.type.matcher.v3.Matcher; docs/decisions/0002
 */
export function chainMatcher(wanted: readonly ChainDestinations[]): Json {
  const anyPort = new AddressTable();
  const byPort = new Map<number, AddressTable>();
  const wholePorts = new Map<number, string>();
  for (const { chain, destinations } of wanted) {
    for (const { cidr, port } of destinations) {
      if (cidr === undefined) {
        if (port !== undefined) wholePorts.set(port, chain);
      } else if (port === undefined) {
        anyPort.add(cidr, chain);
      } else {
        byPort.set(port, (byPort.get(port) ?? new AddressTable()).add(cidr, chain));
      }
    }
  }
  const ports: Record<string, Json> = {};
  for (const [port, table] of byPort) ports[port] = { matcher: table.tree(anyPort) };
  for (const [port, chain] of wholePorts) ports[port] = toChain(chain);
  return {
    matcher_tree: {
      input: input("destination-port", "DestinationPortInput"),
      exact_match_map: { map: ports },
    },
    ...(anyPort.isEmpty ? {} : { on_no_match: { matcher: anyPort.tree() } }),
  };
}

/** Addresses and ranges, each with its chain. */
class AddressTable {
  readonly #addresses = new Map<string, string>();
  readonly #ranges = new Map<string, string>();

  add(cidr: string, chain: string): this {
    const [entries, key] = cidr.endsWith("/32") ? [this.#addresses, cidr.slice(0, -3)] : [this.#ranges, cidr];
    const other = entries.get(key);
    if (other !== undefined && other !== chain) throw new Error(`${cidr} belongs to chain ${other} and to ${chain}`);
    entries.set(key, chain);
    return this;
  }

  get isEmpty(): boolean {
    return this.#addresses.size + this.#ranges.size === 0;
  }

  /** @param fallback  what holds for every port */
  tree(fallback: AddressTable = new AddressTable()): Json {
    const addresses = new Map([...fallback.#addresses, ...this.#addresses]);
    const ranges = new Map([...fallback.#ranges, ...this.#ranges]);
    if (addresses.size === 0) return rangeTree(ranges);
    return {
      matcher_tree: {
        input: destinationAddress,
        exact_match_map: { map: Object.fromEntries([...addresses].map(([ip, chain]) => [ip, toChain(chain)])) },
      },
      ...(ranges.size === 0 ? {} : { on_no_match: { matcher: rangeTree(ranges) } }),
    };
  }
}

function rangeTree(ranges: ReadonlyMap<string, string>): Json {
  const byChain = new Map<string, string[]>();
  for (const [cidr, chain] of ranges) byChain.set(chain, [...(byChain.get(chain) ?? []), cidr]);
  return {
    matcher_tree: {
      input: destinationAddress,
      custom_match: {
        name: "ranges",
        typed_config: typed("xds.type.matcher.v3.IPMatcher", {
          range_matchers: [...byChain].sort(byFirst).map(([chain, cidrs]) => ({
            ranges: [...cidrs].sort().map(cidrRange),
            on_match: toChain(chain),
          })),
        }),
      },
    },
  };
}

const destinationAddress = input("destination-ip", "DestinationIPInput");

function input(name: string, type: string): Json {
  return { name, typed_config: typed(`envoy.extensions.matching.common_inputs.network.v3.${type}`) };
}

function toChain(chain: string): Json {
  return { action: { name: chain, typed_config: typed("google.protobuf.StringValue", { value: chain }) } };
}

/** @param cidr `10.244.0.0/16`, already validated */
function cidrRange(cidr: string): Json {
  const slash = cidr.lastIndexOf("/");
  return { address_prefix: cidr.slice(0, slash), prefix_len: Number(cidr.slice(slash + 1)) };
}

function byFirst(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return left[0] < right[0] ? -1 : 1;
}
