import { addresses } from "#test/cluster/addresses.ts";
import { sites } from "#test/cluster/outside/sites.ts";
import { eventually } from "#test/eventually.ts";
import { arrivedFrom, inside } from "./attempts.ts";
import { app, type Ground, must, plain, shop, shopPod } from "./ground.ts";
import { nodePort } from "./services.ts";
import type { Beyond, Family } from "./ways.ts";

const { http, tls } = sites;

const names: Beyond = {
  verdict: "beyond",
  way: "Questions to the cluster's name server, with what was read in the name",
  because:
    "Pods need names. What the cluster's DNS asks outside is its own, and the node's with `dnsPolicy: Default`: forward the domains that are needed, or use a DNS firewall",
  async attempt(ground) {
    const { stdout } = await inside(ground, plain, `nslookup ${http.name}`);
    return { got: stdout.includes(http.address) };
  },
};

const inbound: Beyond = {
  verdict: "beyond",
  way: "Who calls from outside gets an answer: a Service of type NodePort or LoadBalancer, an Ingress",
  because:
    "What comes in is not captured, and answers belong to it. A quota of 0 for `services.nodeports` and `services.loadbalancers`; security groups",
  attempt: async ({ world }) => ({
    got: (await world.outside.call(world.address, nodePort)).includes("who is there"),
  }),
};

const imagePull: Beyond = {
  verdict: "beyond",
  way: "An image's name: the node asks any registry for it",
  because: "The node pulls, not the pod. A policy on registries; the same holds for network volumes such as `nfs`",
  async attempt(ground: Ground) {
    await ground.world.outside.forget();
    const image = `${tls.address}/what-was-read:1`;
    await must(ground.mallory(["create", "-f", "-"], shopPod("puller", { containers: [app({ image })] })));
    const node = addresses.outsideRouter;
    const got = await eventually("the node asks", () => arrivedFrom(ground, node), { withinMs: 30_000 });
    return { got };
  },
};

const byPerson: Beyond = {
  verdict: "beyond",
  way: "The person: `kubectl exec`, `cp`, `logs`, `port-forward`",
  because:
    "What a pod may read its owner may read, and take home by the API server. RBAC on `pods/exec`, `pods/portforward`",
  async attempt({ mallory }) {
    const said = await mallory(["exec", "-n", shop, plain, "-c", "app", "--", "cat", "/www/index.html"]);
    return { got: said.stdout.includes("hello from the mesh") };
  },
};

export const beyond: Family = {
  title: "Not covered",
  attacks: [names, inbound, imagePull, byPerson],
};
