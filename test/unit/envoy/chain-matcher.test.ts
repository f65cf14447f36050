import { describe, expect, test } from "vitest";
import type { Json } from "#lib/envoy/canonical-json.ts";
import { type ChainDestinations, chainMatcher } from "#lib/envoy/chain-matcher.ts";

interface Matcher {
  readonly matcher_tree: {
    readonly exact_match_map?: { readonly map: Readonly<Record<string, OnMatch>> };
    readonly custom_match?: {
      readonly typed_config: {
        readonly range_matchers: readonly {
          readonly ranges: readonly { readonly address_prefix: string; readonly prefix_len: number }[];
          readonly on_match: OnMatch;
        }[];
      };
    };
  };
  readonly on_no_match?: OnMatch;
}
interface OnMatch {
  readonly matcher?: Matcher;
  readonly action?: { readonly name: string };
}

function inRange(address: string, prefix: string, bits: number): boolean {
  const number = (text: string) => text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return Math.floor(number(address) / 2 ** (32 - bits)) === Math.floor(number(prefix) / 2 ** (32 - bits));
}

/** The chain that the tree leads to, by the rules of xDS: first port, then address, then the longest range. */
function chainOf(tree: Json, address: string, port: number): string {
  function follow({ matcher_tree, on_no_match }: Matcher, key: string): string | undefined {
    const exact = matcher_tree.exact_match_map?.map[key];
    const ranges = (matcher_tree.custom_match?.typed_config.range_matchers ?? [])
      .flatMap(({ ranges, on_match }) => ranges.map((range) => ({ ...range, on_match })))
      .filter((range) => inRange(address, range.address_prefix, range.prefix_len))
      .sort((left, right) => right.prefix_len - left.prefix_len);
    const next = exact ?? ranges[0]?.on_match ?? on_no_match;
    return next?.action?.name ?? (next?.matcher && follow(next.matcher, address));
  }
  return follow(tree as unknown as Matcher, String(port)) ?? "default";
}

const wanted: readonly ChainDestinations[] = [
  { chain: "loop", destinations: [{ port: 15_001 }] },
  {
    chain: "allowed",
    destinations: [
      { cidr: "10.96.0.20/32", port: 80 },
      { cidr: "10.97.0.0/16", port: 80 },
    ],
  },
  {
    chain: "refused",
    destinations: [{ cidr: "10.97.1.0/24", port: 80 }, { cidr: "10.244.0.0/16" }, { cidr: "10.245.0.1/32" }],
  },
];

describe("a connection to", () => {
  test.each([
    ["10.96.0.20", 80, "allowed"],
    ["10.96.0.20", 81, "default"],
    ["10.96.0.21", 80, "default"],
    ["10.97.2.1", 80, "allowed"],
    ["10.97.1.1", 80, "refused"],
    ["10.244.9.9", 80, "refused"],
    ["10.244.9.9", 443, "refused"],
    ["10.243.255.255", 443, "default"],
    ["10.245.0.1", 80, "refused"],
    ["10.245.0.1", 22, "refused"],
    ["10.245.0.2", 80, "default"],
    ["10.96.0.20", 15_001, "loop"],
    ["198.51.100.1", 80, "default"],
  ])("%s:%i finds chain %s", (address, port, chain) => {
    expect(chainOf(chainMatcher(wanted), address, port)).toBe(chain);
  });
});

test.each<readonly [string, readonly ChainDestinations[]]>([
  [
    "an address",
    [
      { chain: "a", destinations: [{ cidr: "10.0.0.1/32", port: 80 }] },
      { chain: "b", destinations: [{ cidr: "10.0.0.1/32", port: 80 }] },
    ],
  ],
  [
    "a range",
    [
      { chain: "a", destinations: [{ cidr: "10.0.0.0/8" }] },
      { chain: "b", destinations: [{ cidr: "10.0.0.0/8" }] },
    ],
  ],
])("%s claimed by two chains is an error", (_, claims) => {
  expect(() => chainMatcher(claims)).toThrow(/belongs to chain a and to b/);
});

test("one address on two ports may have two chains, and one chain may claim an address twice", () => {
  const claims = [
    {
      chain: "a",
      destinations: [
        { cidr: "10.0.0.1/32", port: 80 },
        { cidr: "10.0.0.1/32", port: 80 },
      ],
    },
    { chain: "b", destinations: [{ cidr: "10.0.0.1/32", port: 81 }] },
  ];
  expect([80, 81].map((port) => chainOf(chainMatcher(claims), "10.0.0.1", port))).toEqual(["a", "b"]);
});
