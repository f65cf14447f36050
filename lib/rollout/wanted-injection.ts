import { injectionDefaults, type MeshInjectionSpec } from "../mesh/injection.ts";
import type { MeshSettings } from "../mesh/osm-config.ts";
import { isAbove } from "../mesh/quantity.ts";
import { type ServiceRange, systemAddresses } from "../mesh/service-range.ts";
import { maxPlainAccountLength, sidecarConfigName } from "../mesh/sidecar-config-name.ts";
import type { Account, MeshObservation } from "./observation.ts";

/** The MeshInjection's spec. Every field is written out, so that a key taken out of osm-config falls back to its default. */
export function wantedInjection(
  { serviceRange, injection }: MeshObservation,
  settings: MeshSettings,
  services: ServiceRange,
  accounts: readonly Account[],
): MeshInjectionSpec {
  const standard = injectionDefaults.sidecarResources;
  const { cpuRequest = standard.cpuRequest } = settings.sidecarResources;
  // osm-config has no key for it, and a request above it would make every new pod invalid.
  const cpuLimit = isAbove(cpuRequest, standard.cpuLimit) ? cpuRequest : standard.cpuLimit;
  const long = accounts.filter((account) => account.name.length > maxPlainAccountLength).map(({ name }) => name);
  return {
    envoyLogLevel: settings.envoyLogLevel,
    excludedRanges: settings.outboundCidrExclusions,
    excludedPorts: settings.outboundPortExclusions,
    serviceRanges: services.cidrs,
    systemServices: serviceRange ? systemAddresses(serviceRange.outside) : (injection?.systemServices ?? []),
    sidecarResources: { ...standard, ...settings.sidecarResources, cpuLimit },
    configNames: Object.fromEntries([...new Set(long)].sort().map((name) => [name, sidecarConfigName(name)])),
  };
}
