import type { KubeConnection } from "./connection.ts";
import { listAll } from "./list.ts";

type Amounts = Readonly<Record<string, string>>;

/** What containers of a namespace get that do not say: quantities by resource. */
export interface LimitDefaults {
  readonly limits: Amounts;
  readonly requests: Amounts;
}

interface RawLimitRange {
  readonly spec: {
    readonly limits: readonly {
      readonly type: string;
      readonly default?: Amounts;
      readonly defaultRequest?: Amounts;
    }[];
  };
}

/** Of all LimitRanges of the namespace; which of several that name one resource wins is not said anywhere. */
export async function readLimitDefaults(connection: KubeConnection, namespace: string): Promise<LimitDefaults> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/limitranges`;
  const items = await listAll(connection, path, (object) => (object as RawLimitRange).spec.limits);
  const ofContainers = items.flat().filter(({ type }) => type === "Container");
  return {
    limits: Object.assign({}, ...ofContainers.map((item) => item.default)) as Amounts,
    requests: Object.assign({}, ...ofContainers.map((item) => item.defaultRequest)) as Amounts,
  };
}
