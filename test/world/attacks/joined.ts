import { sidecar } from "#lib/mesh/names.ts";
import { sites } from "#test/cluster/outside/sites.ts";
import { eventually } from "#test/eventually.ts";
import { addEphemeral, outward, probing } from "./attempts.ts";
import { app, asImageSays, must, plain, restricted, shop } from "./ground.ts";
import type { Outside } from "./ways.ts";

const { tcp } = sites;

const joining = { ...asImageSays, command: ["/bin/probe", "pause"] };

/** Its only fault is what nobody can see before it runs. */
export const addedAsUser: Outside = {
  verdict: "outside",
  code: "EphemeralContainer",
  way: "An ephemeral container whose image says user 1500, in a pod that the guarantee holds for until then",
  because: "Envoy's user is not captured, and what an image says the API server cannot see",
  pod: { name: "joined" },
  async attempt(ground) {
    await must(addEphemeral(ground.trudy, "joined", joining));
    const running = "jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}";
    await eventually("it runs", async () => {
      return (await must(ground.admin(["get", "pod", "joined", "-n", shop, "-o", running]))) !== "";
    });
    return probing("joined", outward, { container: "added" })(ground);
  },
  strictly: ({ trudy }) => addEphemeral(trudy, "joined", { ...joining, name: "added-later" }),
};

const relayPort = 7_000;
/** Outside the guarantee itself, and with a Service of its own. */
export const relay: Outside = {
  verdict: "outside",
  code: "SidecarUser",
  way: "A relay for the honest ones: a pod as user 1500 with a Service of its own",
  because: "The Service is in-mesh. The relay is named, whoever uses it is not",
  pod: {
    name: "relay",
    spec: () => ({
      containers: [
        app({
          securityContext: { ...restricted, runAsUser: sidecar.uid },
          command: ["nc", "-ll", "-p", String(relayPort), "-e", "nc", tcp.address, String(tcp.port)],
        }),
      ],
    }),
  },
  prepare: ({ mallory }) =>
    must(
      mallory(["create", "-f", "-"], {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "relay", namespace: shop },
        spec: { selector: { app: "relay" }, ports: [{ name: "relay", port: relayPort }] },
      }),
    ),
  attempt: probing(plain, () => ["tcp", `relay.${shop}.svc.cluster.local:${relayPort}`]),
};
