import { EgressError } from "#lib/errors.ts";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";
import { annotations, labels } from "#lib/mesh/names.ts";

export const image = "registry/osm-egress/sidecar:2";
export const older = "registry/osm-egress/sidecar:1";

/** What a Deployment does once it is restarted. */
type Behaviour =
  | "comes-up"
  | "stays-down"
  | "gets-the-old-sidecar"
  /** A pod of the old template is still there when all new ones are. */
  | "keeps-an-old-pod-for-a-while"
  | "is-deleted"
  /** Deleted, and made again by its owner. */
  | "is-replaced"
  /** The API server is away for a while. */
  | "comes-up-out-of-sight";

interface FakeDeployment {
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly spec: object;
  generation: number;
  restartedAt: string | undefined;
  looks: number;
}

/**
 * An API server with one namespace of Deployments, each of one pod that has the older sidecar until it is restarted.
 * A restart takes three looks.
 */
export class RestartCluster {
  readonly #deployments = new Map<string, FakeDeployment>();
  /** Pods that no Deployment made. */
  readonly #pods: object[] = [];
  /** `restart web` and `up web`, in the order of their happening. */
  readonly happened: string[] = [];
  /** Whether it puts sidecars into pods by itself. */
  injects = true;
  /** Whether events may be read. */
  hasEvents = true;

  /** @param spec  besides the template */
  add(name: string, behaviour: Behaviour = "comes-up", spec: object = {}): this {
    this.#deployments.set(name, { name, behaviour, spec, generation: 1, restartedAt: undefined, looks: 0 });
    return this;
  }

  addBarePod(name: string): this {
    this.#pods.push({ metadata: { namespace: "shop", name, uid: name }, spec: sidecarSpec(older) });
    return this;
  }

  get connection(): KubeConnection {
    return {
      server: "https://api",
      send: async (request) => {
        const body = this.#answer(request);
        const refused = request.path.endsWith("/events") && !this.hasEvents ? 403 : 404;
        const text = JSON.stringify(body ?? { message: `no ${request.path}` });
        return { status: body === undefined ? refused : 200, text, serverTimeMs: undefined };
      },
      stream: () => {
        throw new Error("nothing is watched");
      },
    };
  }

  #answer({ method, path, body }: KubeRequest): object | undefined {
    const name = /^\/apis\/apps\/v1\/namespaces\/shop\/deployments\/(.+)$/.exec(path)?.[1];
    const deployment = name === undefined ? undefined : this.#deployments.get(name);
    if (deployment) {
      if (method === "PATCH") this.#restart(deployment, body);
      return this.#seen(deployment);
    }
    switch (path) {
      case "/apis/admissionregistration.k8s.io/v1":
        return { resources: this.injects ? [{ name: "mutatingadmissionpolicies" }] : [] };
      case "/api/v1/namespaces":
        return { items: [{ metadata: shop }] };
      case "/api/v1/namespaces/shop":
        return { metadata: shop };
      case "/api/v1/pods":
      case "/api/v1/namespaces/shop/pods":
        return { items: [...this.#all().flatMap(podsOf), ...this.#pods] };
      case "/apis/apps/v1/namespaces/shop/replicasets":
        return { items: this.#all().map(replicaSetOf) };
      case "/api/v1/namespaces/shop/events":
        return this.hasEvents ? { items: this.#all().map(eventOf) } : undefined;
      default:
        return undefined;
    }
  }

  #all(): readonly FakeDeployment[] {
    return [...this.#deployments.values()];
  }

  #restart(deployment: FakeDeployment, patch: unknown): void {
    const { spec } = patch as { readonly spec: { readonly template: { readonly metadata: FakeTemplateMeta } } };
    deployment.restartedAt = spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"];
    deployment.generation++;
    this.happened.push(`restart ${deployment.name}`);
  }

  /** As it is at this look. */
  #seen(deployment: FakeDeployment): object | undefined {
    const { name, behaviour, spec, generation, restartedAt } = deployment;
    const looks = restartedAt === undefined ? 0 : ++deployment.looks;
    if (behaviour === "is-deleted" && looks > 1) {
      this.#deployments.delete(name);
      return undefined;
    }
    if (behaviour === "comes-up-out-of-sight" && looks === 2) throw new EgressError("api-unavailable", "no answer");
    const isUp = looks === 0 || (behaviour !== "stays-down" && looks > 3);
    if (isUp && looks === 4) this.happened.push(`up ${name}`);
    if (behaviour === "keeps-an-old-pod-for-a-while" && looks === lastLookAtOld) this.happened.push(`rid ${name}`);
    const available = isUp ? 1 : 0;
    return {
      metadata: { uid: behaviour === "is-replaced" && looks > 1 ? "another" : `uid-${name}`, generation },
      spec: { replicas: 1, template: { spec: {} }, ...spec },
      status: { observedGeneration: generation, replicas: 1, updatedReplicas: 1, availableReplicas: available },
    };
  }
}

interface FakeTemplateMeta {
  readonly annotations: Readonly<Record<string, string>>;
}

const shop = {
  name: "shop",
  labels: { [labels.monitoredBy]: "osm" },
  annotations: { [annotations.injection]: "enabled" },
};

const lastLookAtOld = 6;

function podsOf(deployment: FakeDeployment): readonly object[] {
  const { name, behaviour, restartedAt, looks } = deployment;
  const keepsOld = behaviour === "keeps-an-old-pod-for-a-while" && looks < lastLookAtOld;
  const now = podOf(deployment, `${name}-pod`);
  const isOneMore = restartedAt !== undefined && keepsOld;
  return isOneMore ? [podOf({ ...deployment, restartedAt: undefined }, `${name}-old`), now] : [now];
}

function podOf({ name, behaviour, restartedAt }: FakeDeployment, podName: string): object {
  const isNew = restartedAt !== undefined;
  return {
    metadata: {
      namespace: "shop",
      name: podName,
      uid: podName,
      annotations: isNew ? { "kubectl.kubernetes.io/restartedAt": restartedAt } : {},
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: `${name}-1`, uid: `${name}-1`, controller: true },
      ],
    },
    spec: sidecarSpec(isNew && behaviour !== "gets-the-old-sidecar" ? image : older),
    status: { containerStatuses: [{ name: "app", ready: false, state: { running: {} } }] },
  };
}

function replicaSetOf({ name }: FakeDeployment): object {
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name, uid: `uid-${name}`, controller: true };
  return { metadata: { namespace: "shop", name: `${name}-1`, uid: `${name}-1`, ownerReferences: [owner] } };
}

function eventOf({ name }: FakeDeployment): object {
  return {
    involvedObject: { uid: `${name}-pod` },
    reason: "Unhealthy",
    message: `${name} fails its probe`,
    metadata: {},
  };
}

function sidecarSpec(itsImage: string): object {
  return {
    initContainers: [
      { name: "osm-init", image: itsImage },
      { name: "envoy", image: itsImage, restartPolicy: "Always" },
    ],
    volumes: [{ name: "osm-sidecar-config", configMap: { name: "osm-sidecar.default" } }],
  };
}
