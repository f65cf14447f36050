import type { KubeObject } from "#lib/kube/objects.ts";
import { forwarderName } from "#lib/mesh/names.ts";
import type { Bus, Parameters } from "./parameters.ts";

const labels = { "app.kubernetes.io/name": forwarderName, "app.kubernetes.io/part-of": "osm" };
/** Of the image's own user. */
const uid = 65_532;

/** The forwarder's identity. Pod Identity and IRSA are attached to it by name; annotations of others stay. */
export function forwarderAccount(parameters: Parameters): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: forwarderName, namespace: parameters.osmNamespace, labels },
    automountServiceAccountToken: false,
  };
}

/** One pod that watches and sends. Nothing calls it, so it has no Service, no port and no probe: it ends when it cannot go on. */
export function forwarderDeployment(parameters: Parameters, bus: Bus): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: forwarderName, namespace: parameters.osmNamespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: { "app.kubernetes.io/name": forwarderName } },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: forwarderName,
          // Its own token is for its watches.
          automountServiceAccountToken: true,
          enableServiceLinks: false,
          nodeSelector: { "kubernetes.io/os": "linux" },
          securityContext: {
            runAsNonRoot: true,
            runAsUser: uid,
            runAsGroup: uid,
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [
            {
              name: "forwarder",
              image: parameters.images.forwarder,
              imagePullPolicy: "IfNotPresent",
              args: ["forward"],
              env: environment(parameters, bus),
              ...(bus.credentialsSecret === undefined
                ? {}
                : { envFrom: [{ secretRef: { name: bus.credentialsSecret } }] }),
              resources: { requests: { cpu: "25m", memory: "96Mi" }, limits: { memory: "256Mi" } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
            },
          ],
        },
      },
    },
  };
}

function environment(parameters: Parameters, bus: Bus): readonly { readonly name: string; readonly value: string }[] {
  return [
    { name: "OSM_EVENT_BUS_NAME", value: bus.eventBusName },
    { name: "OSM_CLUSTER_NAME", value: bus.clusterName },
    { name: "OSM_NAMESPACE", value: parameters.osmNamespace },
    { name: "OSM_MESH_NAME", value: parameters.meshName },
    { name: "AWS_REGION", value: bus.region },
    ...(bus.endpointUrl === undefined ? [] : [{ name: "AWS_ENDPOINT_URL", value: bus.endpointUrl }]),
  ];
}

/** A Deployment as far as the forwarder's settings are in it. */
export interface ForwarderDeployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
          readonly envFrom?: readonly { readonly secretRef?: { readonly name: string } }[];
        }[];
      };
    };
  };
}

/** The settings that `forwarderDeployment` was given; undefined when it was not, or somebody has taken them away. */
export function busOf(deployment: ForwarderDeployment): Bus | undefined {
  const [container] = deployment.spec.template.spec.containers;
  const value = (name: string) => container?.env?.find((variable) => variable.name === name)?.value;
  const eventBusName = value("OSM_EVENT_BUS_NAME");
  const clusterName = value("OSM_CLUSTER_NAME");
  const region = value("AWS_REGION");
  if (eventBusName === undefined || clusterName === undefined || region === undefined) return undefined;
  const endpointUrl = value("AWS_ENDPOINT_URL");
  // More than one source is somebody else's list, which stays as long as nobody applies another.
  const [source, ...more] = container?.envFrom ?? [];
  const credentialsSecret = more.length === 0 ? source?.secretRef?.name : undefined;
  return {
    eventBusName,
    clusterName,
    region,
    ...(endpointUrl === undefined ? {} : { endpointUrl }),
    ...(credentialsSecret === undefined ? {} : { credentialsSecret }),
  };
}
