import { isIPv6 } from "node:net";
import { isOnNode } from "#lib/mesh/name-servers.ts";
import { askingKinds, handlers, optionText } from "./detours.ts";
import type { InjectionFault, PlainContainer, PlainPodSpec } from "./plain.ts";

/**
 * What the policies refuse (detours.ts, ../policies/exempt-servers.ts), found without an API server: hosts that the kubelet
 * would ask past the capture, and name servers of the pod's own, said as such or written into a resolver option. Whoever has
 * the verb `exempt` is not known here, so nobody counts as having it.
 *
 * @param lists  the containers to look at, by the field that they are in, each with its place there
 */
export function detourFaults(
  spec: PlainPodSpec,
  lists: Readonly<Record<string, readonly (readonly [at: number, container: PlainContainer])[]>>,
): readonly InjectionFault[] {
  const asking = Object.entries(lists).flatMap(([list, all]) =>
    all.flatMap(([at, container]) => hosts(container).map((path) => ["spec", list, at, ...path])),
  );
  const foreign = (spec.dnsConfig?.nameservers ?? []).filter((server) => !isHarmless(server));
  const oddOptions = (spec.dnsConfig?.options ?? [])
    .map(({ name, value }) => `${name ?? ""}:${value ?? ""}`)
    .filter((option) => !new RegExp(optionText).test(option));
  return [
    ...asking.map((field) => ({
      field,
      problem:
        "must not be there: the kubelet would ask this host from the node's network, past the capture; without it, it asks the pod",
    })),
    ...foreign.map((server) => ({
      field: ["spec", "dnsConfig", "nameservers"],
      problem: `has ${server}: name servers of its own would open UDP to them; use dnsPolicy ClusterFirst`,
    })),
    ...oddOptions.map((option) => ({
      field: ["spec", "dnsConfig", "options"],
      problem: `has ${JSON.stringify(option)}: only letters, digits and _ . : - in names and values`,
    })),
  ];
}

function hosts(container: PlainContainer): readonly (readonly string[])[] {
  return handlers
    .flatMap((handler) => askingKinds.map((kind) => [...handler, kind, "host"]))
    .filter((path) => (at(container, path) ?? "") !== "");
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((it, key) => (it as Readonly<Record<string, unknown>> | null | undefined)?.[key], value);
}

/** What is on the node itself, and IPv6, which is closed: as CEL's ip() reads them. */
function isHarmless(server: string): boolean {
  // CEL knows neither zones nor IPv4 inside IPv6.
  if (isIPv6(server)) return !server.includes("%") && !isMapped(server);
  return isOnNode(server);
}

function isMapped(server: string): boolean {
  return /^\[::ffff:[0-9a-f]+:[0-9a-f]+\]$/.test(new URL(`http://[${server}]`).hostname);
}
