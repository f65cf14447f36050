/** Objects as the API server sends them, at rest; a test states what differs. */
export function configMap(differs: object = {}): object {
  return { metadata: { namespace: "osm-system", name: "osm-config", uid: "cm", resourceVersion: "1", ...differs } };
}

export function namespace(name: string, differs: object = {}): object {
  return {
    metadata: { name, uid: `ns-${name}`, resourceVersion: "1", labels: {}, ...differs },
    spec: { finalizers: [] },
  };
}

export function service(name: string, differs: { spec?: object; metadata?: object; status?: object } = {}): object {
  return {
    metadata: { namespace: "shop", name, uid: `svc-${name}`, resourceVersion: "1", ...differs.metadata },
    spec: { clusterIP: "10.96.0.9", ports: [{ port: 80 }], ...differs.spec },
    status: differs.status ?? {},
  };
}

export interface PodDiffers {
  readonly annotations?: object;
  readonly deletionTimestamp?: string;
  readonly ready?: boolean;
  /** Container id of a running sidecar; undefined = none runs. */
  readonly sidecar?: string | undefined;
  readonly injected?: boolean;
  readonly restarts?: number;
}

export function pod(name: string, differs: PodDiffers = {}): object {
  const { annotations = {}, deletionTimestamp, ready = true, injected = true, restarts = 0 } = differs;
  const containerID = "sidecar" in differs ? differs.sidecar : `${name}-0`;
  return {
    metadata: {
      namespace: "shop",
      name,
      uid: `pod-${name}`,
      resourceVersion: "1",
      annotations,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    spec: { initContainers: injected ? [{ name: "osm-init" }, { name: "envoy" }] : [{ name: "wait" }] },
    status: {
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      initContainerStatuses: [
        { name: "osm-init", containerID: "init", state: { terminated: {} } },
        {
          name: "envoy",
          ...(containerID === undefined ? {} : { containerID }),
          restartCount: restarts,
          state: containerID === undefined ? { waiting: {} } : { running: {} },
        },
      ],
    },
  };
}
