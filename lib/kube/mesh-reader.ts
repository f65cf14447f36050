import { EgressError } from "../errors.ts";
import { gitopsOwners } from "../mesh/gitops-owner.ts";
import type { MeshService } from "../mesh/in-mesh.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import { timeOf } from "../mesh/managed-fields.ts";
import { apiVersion, labels, type MeshPlace, osmConfigName, rolloutName } from "../mesh/names.ts";
import { outsideServices } from "../mesh/service-range.ts";
import type { Account, Glance, MeshObservation, ObservedOsmConfig, RolloutSpec } from "../rollout/observation.ts";
import type { RolloutStatus } from "../rollout/status.ts";
import { type KubeConnection, metadataOnly } from "./connection.ts";
import { keyWrites, type ManagedFieldsEntry } from "./field-owners.ts";
import { meshInjectionPath } from "./kinds.ts";
import { readLease, type ServerClock } from "./lease.ts";
import { listAll } from "./list.ts";
import { read } from "./objects.ts";
import { readServiceCidrs } from "./service-cidrs.ts";
import { decodeSidecarConfigMap } from "./sidecar-config-map.ts";

/**
 * The Lease, and then osm-config, MeshInjection and the status. The Lease comes first, by itself: where it is found free,
 * whatever its last holder wrote is in the reads that follow; the other way round, a change could fall between two passes.
 *
 * @throws EgressError `settings-invalid` where the installed mesh has another name
 */
export async function readGlance(connection: KubeConnection, place: MeshPlace, clock: ServerClock): Promise<Glance> {
  const lease = await readLease(connection, place.osmNamespace, clock);
  const [osmConfig, injection, rollout] = await Promise.all([
    read<ConfigMap>(connection, `/api/v1/namespaces/${place.osmNamespace}/configmaps/${osmConfigName}`),
    read<{ readonly spec?: MeshInjectionSpec }>(connection, meshInjectionPath(place.osmNamespace)),
    read<Rollout>(connection, `${ownPath(place)}/egressrollouts/${rolloutName}`),
  ]);
  refuseOtherMesh(place, injection?.spec?.meshName);
  return {
    osmConfig: osmConfig && decodeOsmConfig(osmConfig),
    injection: injection?.spec,
    rollout: rollout && {
      resourceVersion: rollout.metadata.resourceVersion,
      spec: rollout.spec ?? {},
      status: rollout.status ?? {},
    },
    lease,
  };
}

function ownPath(place: MeshPlace): string {
  return `/apis/${apiVersion}/namespaces/${place.osmNamespace}`;
}

interface ReadOptions {
  /** What is known from a moment ago; without it everything is read. */
  readonly glance?: Glance | undefined;
  /** Namespaces that are about to get the mesh's label: rendered first, labelled then. */
  readonly alsoInMesh?: readonly string[];
}

/** The whole mesh but its pods. @throws as the glance does */
export async function readMesh(
  connection: KubeConnection,
  place: MeshPlace,
  clock: ServerClock,
  { glance, alsoInMesh = [] }: ReadOptions = {},
): Promise<MeshObservation> {
  const first = glance ?? (await readGlance(connection, place, clock));
  const [namespaces, accounts, services, configMaps, serviceCidrs] = await Promise.all([
    listAll(connection, "/api/v1/namespaces", decodeNamespace, {
      query: { labelSelector: `${labels.monitoredBy}=${place.meshName}` },
      accept: metadataOnly.list,
    }),
    listAll(connection, "/api/v1/serviceaccounts", decodeAccount, { accept: metadataOnly.list }),
    listAll(connection, "/api/v1/services", decodeService),
    listAll(connection, "/api/v1/configmaps", decodeSidecarConfigMap, {
      query: { labelSelector: `${labels.sidecarConfig}=${place.meshName}` },
    }),
    readServiceCidrs(connection),
  ]);
  const inMesh = new Set([...namespaces.filter(({ goes }) => !goes).map(({ name }) => name), ...alsoInMesh]);
  return {
    ...first,
    namespaces: [...new Set([...namespaces.map(({ name }) => name), ...alsoInMesh])],
    accounts: accounts.filter((account) => inMesh.has(account.namespace)),
    services: services.filter((service) => inMesh.has(service.namespace)),
    serviceRange: { ...serviceCidrs, outside: outsideServices(services, inMesh) },
    configMaps: configMaps.map((map) => ({ ...map, createdAtMs: clock.hereMs(map.createdAtMs) })),
  };
}

/** Its labels select nothing here: every pod of the real mesh would look like one that nobody wants configured. */
function refuseOtherMesh({ meshName }: MeshPlace, installed = meshName): void {
  if (installed === meshName) return;
  throw new EgressError(
    "settings-invalid",
    `the mesh of this cluster is named ${installed}, not ${meshName}: give --mesh-name ${installed}, or to the function the parameter meshName`,
  );
}

interface ConfigMap {
  readonly metadata: {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly managedFields?: readonly ManagedFieldsEntry[];
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
}

interface Rollout {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec?: RolloutSpec;
  readonly status?: RolloutStatus;
}

function decodeOsmConfig({ metadata, data }: ConfigMap): ObservedOsmConfig {
  const { uid, resourceVersion, managedFields, labels: put, annotations } = metadata;
  const [write] = keyWrites(managedFields, "egress");
  const egressWrittenAt = write && timeOf(write);
  return {
    uid,
    resourceVersion,
    data,
    egressManager: write?.manager,
    ...(egressWrittenAt === undefined ? {} : { egressWrittenAt }),
    owners: gitopsOwners(put, annotations),
  };
}

interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly deletionTimestamp?: string;
}

/** In one that goes nothing can be created. */
function decodeNamespace(object: unknown): { readonly name: string; readonly goes: boolean } {
  const { name, deletionTimestamp } = (object as { readonly metadata: ObjectMeta }).metadata;
  return { name, goes: deletionTimestamp !== undefined };
}

function decodeAccount(object: unknown): Account | undefined {
  const { name, namespace = "", deletionTimestamp } = (object as { readonly metadata: ObjectMeta }).metadata;
  return deletionTimestamp === undefined ? { namespace, name } : undefined;
}

interface Service {
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly { readonly port: number; readonly protocol?: string }[];
  };
}

function decodeService(object: unknown): MeshService {
  const { metadata, spec = {} } = object as Service;
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    type: spec.type ?? "ClusterIP",
    clusterIP: spec.clusterIP ?? "",
    hasSelector: Object.keys(spec.selector ?? {}).length > 0,
    ports: (spec.ports ?? []).filter(({ protocol = "TCP" }) => protocol === "TCP").map(({ port }) => port),
  };
}
