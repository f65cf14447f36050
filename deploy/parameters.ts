import { meshName, osmNamespace } from "#lib/mesh/names.ts";
import { type Images, images } from "./images.ts";

/** What differs between two installations. */
export interface Parameters {
  readonly meshName: string;
  readonly osmNamespace: string;
  readonly images: Images;
  /** Absent: no forwarder; changes then arrive by audit log or schedule. */
  readonly bus?: Bus;
  /** Of osm-config. Absent: what exists stays as it is, and a first one has it off. */
  readonly egress?: boolean;
  readonly permissive?: boolean;
  /** Refuse pods that the guarantee would not cover. Absent: as it is; off at first. */
  readonly strict?: boolean;
  /** False: the API server serves no MutatingAdmissionPolicy, and pods come out of `osm inject` or without a sidecar. */
  readonly injects?: boolean;
}

/** Where the forwarder sends, and as which cluster. */
export interface Bus {
  readonly eventBusName: string;
  readonly clusterName: string;
  readonly region: string;
  /** Another endpoint than AWS's own, as the AWS SDKs read it from AWS_ENDPOINT_URL. */
  readonly endpointUrl?: string;
  /** Secret in the osm namespace whose keys become the environment; absent: EKS Pod Identity or IRSA. */
  readonly credentialsSecret?: string;
}

export const defaults: Parameters = {
  meshName,
  osmNamespace,
  images: images(),
};
