import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";

/** A mesh of simulated sidecars: which pod has which account and address is a matter of counting. */
export interface Shape {
  readonly pods: number;
  /** A multiple of ten: namespaces have ten each, `default` among them. */
  readonly accounts: number;
}

const accountsPerNamespace = 10;
const podsPerNode = 250;

/** Made local inside a world; in no use there otherwise. */
export const range = "10.245.0.0/16";

export interface SimulatedPod {
  readonly namespace: string;
  readonly name: string;
  readonly account: string;
  readonly node: string;
  readonly address: string;
}

export function namespacesOf({ accounts }: Shape): readonly string[] {
  return Array.from({ length: accounts / accountsPerNamespace }, (_, at) => `sim-${at}`);
}

export function nodesOf({ pods }: Shape): readonly string[] {
  return Array.from({ length: Math.ceil(pods / podsPerNode) }, (_, at) => `sim-${at}`);
}

/** Of one namespace. */
export const accountNames: readonly string[] = [
  "default",
  ...Array.from({ length: accountsPerNamespace - 1 }, (_, at) => `account-${at + 1}`),
];

export function podsOf(shape: Shape): readonly SimulatedPod[] {
  return Array.from({ length: shape.pods }, (_, at) => podAt(shape, at));
}

function podAt(shape: Shape, at: number): SimulatedPod {
  const account = at % shape.accounts;
  return {
    namespace: `sim-${Math.floor(account / accountsPerNamespace)}`,
    name: `pod-${at}`,
    account: accountNames[account % accountsPerNamespace] ?? "",
    node: `sim-${Math.floor(at / podsPerNode)}`,
    address: addressAt(at),
  };
}

/** From the range's second address on. */
function addressAt(at: number): string {
  return `10.245.${(at + 1) >> 8}.${(at + 1) & 255}`;
}

/** The ConfigMap of whoever has this address, as `namespace/name`. */
export function configMapAt(shape: Shape, address: string): string {
  const [, , high = 0, low = 0] = address
    .replace(/^::ffff:/, "")
    .split(".")
    .map(Number);
  const { namespace, account } = podAt(shape, high * 256 + low - 1);
  return `${namespace}/${sidecarConfigName(account)}`;
}
