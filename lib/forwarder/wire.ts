import type { ManagedFieldsEntry } from "../kube/field-owners.ts";

/** The parts of Kubernetes objects that the forwarder reads, as the API server sends them. */
export interface WatchedObject {
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly ManagedFieldsEntry[];
  };
  readonly spec?: unknown;
}

export interface V1Pod extends WatchedObject {
  readonly spec?: { readonly initContainers?: readonly { readonly name: string }[] };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly {
      readonly name: string;
      readonly containerID?: string;
      readonly state?: { readonly running?: unknown };
    }[];
  };
}
