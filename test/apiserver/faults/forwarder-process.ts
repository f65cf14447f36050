import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProxiedServer } from "#test/faults/proxy/fault-proxy.ts";
import { type Child, startChild } from "./child.ts";
import { gaugedWords } from "./heap-held.ts";

export interface ForwarderPlace {
  /** Path of the built command. */
  readonly osm: string;
  readonly awsUrl: string;
  readonly api: ProxiedServer;
  /** For its kubeconfig. */
  readonly home: string;
  /** Name of the bus; default `osm`. */
  readonly bus?: string;
  /** Where its name is not known to anybody. */
  readonly token?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** `osm forward`, as its pod runs it. @param name  its token and its access key, unless it is given others */
export function startForwarder(name: string, place: ForwarderPlace): Child {
  const { osm, awsUrl, api, home, bus = "osm", token = name } = place;
  const { accessKeyId, secretAccessKey } = place.credentials ?? { accessKeyId: name, secretAccessKey: "of-the-test" };
  const kubeconfig = join(home, `${name}.kubeconfig`);
  const contents = {
    clusters: [
      { name: "c", cluster: { server: api.url, "certificate-authority-data": Buffer.from(api.ca).toString("base64") } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name: "c", context: { cluster: "c", user: name } }],
    "current-context": "c",
  };
  writeFileSync(kubeconfig, JSON.stringify(contents), { mode: 0o600 });
  return startChild([...gaugedWords, osm, "forward", "--kubeconfig", kubeconfig], {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_ENDPOINT_URL: awsUrl,
    OSM_EVENT_BUS_NAME: bus,
    OSM_CLUSTER_NAME: "shop",
  });
}
