import { ports } from "#lib/mesh/names.ts";
import { sites } from "#test/cluster/outside/sites.ts";
import {
  arrivedFrom,
  creating,
  getsOut,
  inside,
  probing,
  reachesFromElsewhere,
  throughProxy,
  wgetFromElsewhere,
} from "./attempts.ts";
import { type Ground, must, plain, shop } from "./ground.ts";
import type { Beyond, Contained, Family } from "./ways.ts";

const { tls, tcp } = sites;
/** Of the Service that the node answers for. */
export const nodePort = 30_081;

function service(name: string, spec: object): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: shop }, spec };
}

function slice(name: string, serviceName: string): object {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: shop, labels: { "kubernetes.io/service-name": serviceName } },
    addressType: "IPv4",
    endpoints: [{ addresses: [tcp.address], conditions: { ready: true } }],
    ports: [{ name: "echo", port: tcp.port, protocol: "TCP" }],
  };
}

const outsidePort = { name: "echo", port: tcp.port, targetPort: tcp.port };
const named = (name: string) => ["tcp", `${name}.${shop}.svc.cluster.local:${tcp.port}`];

/** The attacker's Services; where he may not write what is behind one, somebody does who may. */
const create = (service: object, behind?: object) => async (ground: Ground) => {
  await must(ground.mallory(["create", "-f", "-"], service));
  if (behind) await must(ground.admin(["create", "-f", "-"], behind));
};

const relayedToListener: Contained = {
  verdict: "contained",
  way: `A Service that leads to port ${ports.outbound} of another pod`,
  because: "In-mesh it may be reached; there, what was not captured has Envoy's own port as its destination",
  prepare: create(
    service("to-listener", {
      selector: { app: "server" },
      ports: [{ name: "relay", port: 7_001, targetPort: ports.outbound }],
    }),
  ),
  async attempt(ground) {
    await ground.world.outside.forget();
    const { ok } = await inside(ground, plain, throughProxy("to-listener:7001"));
    const arrivals = await Promise.all(
      [plain, "server"].map(async (pod) => arrivedFrom(ground, await ground.addressOf(pod))),
    );
    return { got: ok || arrivals.includes(true), control: await wgetFromElsewhere(ground) };
  },
};

/** The tests' own DNS leaves it to whoever asks to follow such a name. */
const externalName: Contained = {
  verdict: "contained",
  way: "A Service of type ExternalName",
  because: "It is a name for an outside address, and the sidecar decides by address",
  prepare: create(service("external", { type: "ExternalName", externalName: tcp.name, ports: [outsidePort] })),
  async attempt(ground) {
    const { stdout } = await inside(ground, plain, `nslookup -type=cname external.${shop}.svc.cluster.local`);
    const leadsOut = stdout.includes(tcp.name) && (await reachesFromElsewhere(ground, ["tcp", tcp.target]));
    return { got: await getsOut(ground, plain, ["tcp", tcp.target]), control: leadsOut };
  },
};

const byApiServer: Contained = {
  verdict: "contained",
  way: "The API server as a relay, by `services/proxy` of such a Service",
  because: "It goes to pods only",
  async attempt({ mallory }) {
    const ask = async (target: string) =>
      (await mallory(["get", "--raw", `/api/v1/namespaces/${shop}/services/${target}/proxy/`])).ok;
    return { got: await ask(`external:${tcp.port}`), control: await ask("server:80") };
  },
};

/** Kubernetes took this right from `edit` in 1.22; clusters that are older than that still have it in the role. */
const mixedEndpoints: Beyond = {
  verdict: "beyond",
  way: "An EndpointSlice with an outside address behind an in-mesh Service, by somebody who may write those",
  because:
    "The Service is in-mesh, and what is behind it the node decides. Take `endpoints` and `endpointslices` from the roles of mesh namespaces; a cluster that was made before Kubernetes 1.22 may still have them in `edit`",
  prepare: create(
    service("mixed", { selector: { app: "nobody" }, ports: [outsidePort] }),
    slice("mixed-outside", "mixed"),
  ),
  attempt: probing(plain, () => named("mixed")),
};

export const services: Family = {
  title: "Services and what is behind them",
  attacks: [
    externalName,
    byApiServer,
    {
      verdict: "contained",
      way: "`externalIPs`: an outside address made the mesh's own",
      because: "Of an in-mesh Service only its ClusterIP is in-mesh",
      prepare: create(
        service("hijack", {
          selector: { app: "server" },
          externalIPs: [tls.address],
          ports: [{ name: "web", port: 8_443, targetPort: 8_080 }],
        }),
      ),
      attempt: probing(plain, () => ["http", `http://${tls.address}:8443/`]),
    },
    ...(["EndpointSlice", "Endpoints"] as const).map((kind) =>
      creating(
        `${kind} that point outside`,
        kind === "EndpointSlice"
          ? slice("mine", "server")
          : {
              apiVersion: "v1",
              kind,
              metadata: { name: "mine", namespace: shop },
              subsets: [{ addresses: [{ ip: tcp.address }], ports: [{ port: tcp.port }] }],
            },
        "cannot create resource",
        "RBAC: `edit` has none of them since Kubernetes 1.22",
      ),
    ),
    {
      verdict: "contained",
      way: "A Service without a selector, with an EndpointSlice that points outside, by somebody who may write those",
      because: "A Service without a selector is not in-mesh",
      prepare: create(service("foreign", { ports: [outsidePort] }), slice("foreign-outside", "foreign")),
      attempt: probing(plain, () => named("foreign")),
    },
    mixedEndpoints,
    relayedToListener,
    {
      verdict: "contained",
      way: "A node's address and the port of a Service of type NodePort",
      because: "A node's address is not in-mesh",
      prepare: create(
        service("on-nodes", {
          type: "NodePort",
          selector: { app: "server" },
          ports: [{ name: "echo", port: 81, targetPort: 8_081, nodePort }],
        }),
      ),
      attempt: probing(plain, ({ world }) => ["tcp", `${world.address}:${nodePort}`]),
    },
  ],
};
