import { sidecarConfig } from "#lib/envoy/sidecar-config.ts";
import { inMeshDestinations, type MeshService } from "#lib/mesh/in-mesh.ts";
import { injectionDefaults } from "#lib/mesh/injection.ts";
import type { RunningSettings } from "#lib/mesh/running-settings.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import type { Account, MeshObservation, ObservedPod, SidecarConfigMap } from "#lib/rollout/observation.ts";

export const nowMs = Date.parse("2026-11-01T12:00:00Z");
const running: RunningSettings = { egress: false, permissive: true, inMeshCidrs: [] };

/** What runs in the world that meshSeen tells of. */
export function configAtRest(settings: RunningSettings = running, services: readonly MeshService[] = []) {
  return sidecarConfig({ egress: settings.egress, destinations: inMeshDestinations(services, settings) });
}

export function configMapSeen(account: Account, difference: Partial<SidecarConfigMap> = {}): SidecarConfigMap {
  return {
    namespace: account.namespace,
    name: sidecarConfigName(account.name),
    resourceVersion: "5",
    createdAtMs: nowMs - 3_600_000,
    account: account.name,
    files: configAtRest().files,
    settings: running,
    fencing: 1,
    ...difference,
  };
}

interface Difference extends Partial<MeshObservation> {
  readonly running?: RunningSettings;
}

/** One account, configured as osm-config says, off and permissive; the Lease is free. */
export function meshSeen({ running: settings = running, ...difference }: Difference = {}): MeshObservation {
  const web: Account = { namespace: "shop", name: "web" };
  const { files } = configAtRest(settings, difference.services);
  return {
    osmConfig: {
      uid: "uid",
      resourceVersion: "3",
      egressManager: "kubectl-patch",
      data: { egress: String(settings.egress), permissive_traffic_policy_mode: String(settings.permissive) },
    },
    accounts: [web],
    services: [],
    configMaps: [configMapSeen(web, { files, settings })],
    injection: { images: { sidecar: "sidecar:1" }, ...structuredClone(injectionDefaults) },
    rollout: undefined,
    lease: { resourceVersion: "4", holder: "", transitions: 1, renewTime: undefined, expired: true },
    ...difference,
  };
}

/** A pod of that account, asked and found right an hour ago. */
export function podSeen(difference: Partial<ObservedPod> = {}): ObservedPod {
  return {
    namespace: "shop",
    name: "web-1",
    uid: "uid-web-1",
    account: "web",
    configMap: "osm-sidecar.web",
    terminating: false,
    sidecarStartedAtMs: nowMs - 7_200_000,
    poke: { digest: configAtRest().digest, atMs: nowMs - 3_600_000 },
    ...difference,
  };
}
