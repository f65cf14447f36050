import { readFile, writeFile } from "node:fs/promises";
import { ports } from "#lib/mesh/names.ts";
import { addresses } from "#test/cluster/addresses.ts";
import { hostsPath } from "#test/cluster/names.ts";
import { sites } from "#test/cluster/outside/sites.ts";
import { eventually } from "#test/eventually.ts";
import {
  arrivedFrom,
  fromControl,
  getsOut,
  inside,
  outward,
  reaches,
  reachesFromElsewhere,
  throughProxy,
  traffic,
  wgetFromElsewhere,
} from "./attempts.ts";
import { shared } from "./entering.ts";
import { control, elsewhere, type Ground, must, plain, shop } from "./ground.ts";
import type { Contained, Family } from "./ways.ts";

const { http, tls, tcp, udp, quic, dns } = sites;
const switchedOff = "Captured; the switch is off";
const closed = "The capture refuses all UDP but questions to the pod's own name servers, and answers";

function byListener(way: string, address: (ground: Ground) => Promise<string>): Contained {
  return {
    verdict: "contained",
    way,
    because: "What was not captured has Envoy's own port as its destination; a chain refuses that",
    async attempt(ground) {
      await ground.world.outside.forget();
      const { ok } = await inside(ground, plain, throughProxy(await address(ground)));
      const got = ok || (await arrivedFrom(ground, await ground.addressOf(plain)));
      return { got, control: await wgetFromElsewhere(ground) };
    },
  };
}

/** Done to the pod by one that is in no mesh. */
const fromElsewhere: Contained = {
  verdict: "contained",
  way: `Port ${ports.outbound} of a pod of the mesh as a relay, for a pod outside the mesh`,
  because: "The same",
  async attempt(ground) {
    const address = await ground.addressOf(plain);
    await ground.world.outside.forget();
    const { ok } = await ground.admin([...fromControl, throughProxy(`${address}:${ports.outbound}`)]);
    const got = ok || (await arrivedFrom(ground, address));
    return { got, control: await wgetFromElsewhere(ground) };
  },
};

const statusPort: Contained = {
  verdict: "contained",
  way: `Envoy told to stop, or to show its configuration, by port ${ports.status}`,
  because: "It answers three exact questions and 404 to everything else",
  async attempt(ground) {
    const ask = async (request: string) => {
      const bytes = `${request} HTTP/1.1\\r\\nhost: envoy\\r\\ncontent-length: 0\\r\\n\\r\\n`;
      const line = `(printf '${bytes}'; sleep 1) | nc -w 2 127.0.0.1 ${ports.status} | grep -q 'HTTP/1.1 200'`;
      return (await inside(ground, plain, line)).ok;
    };
    const asked = [
      "GET /config_dump",
      "GET /",
      "GET /stats",
      "POST /quitquitquit",
      "POST /drain_listeners",
      "POST /ready",
    ];
    const answers = await Promise.all(asked.map(ask));
    return { got: answers.includes(true), control: await ask("GET /ready") };
  },
};

const ping: Contained = {
  verdict: "contained",
  way: "ICMP",
  because: "The capture refuses it",
  async attempt(ground) {
    const line = ["ping", "-c", "1", "-W", "2", tcp.address];
    const there = await ground.admin(["exec", "-n", elsewhere, control, "--", ...line]);
    return { got: (await inside(ground, shared, line.join(" "))).ok, control: there.ok };
  },
};

const dnsByTcp: Contained = {
  verdict: "contained",
  way: "DNS by TCP, to the pod's own name server",
  because: "It is not in-mesh",
  async attempt(ground) {
    // A question for the address of site.outside.test.
    const question =
      "\\000\\043\\022\\064\\001\\000\\000\\001\\000\\000\\000\\000\\000\\000\\004site\\007outside\\004test\\000\\000\\001\\000\\001";
    const line = `printf '${question}' | nc -w 2 ${addresses.dnsService} 53 | grep -q outside`;
    const there = await ground.admin(["exec", "-n", elsewhere, control, "--", "sh", "-c", line]);
    return { got: (await inside(ground, plain, line)).ok, control: there.ok };
  },
};

/** The name is the in-mesh Service's while it is looked at, and then the outside's. */
const rebinding: Contained = {
  verdict: "contained",
  way: "DNS rebinding: a name that is in-mesh at first, and then outside",
  because: "The sidecar decides by address, for each connection",
  async attempt(ground) {
    const { world, admin } = ground;
    const name = "rebound.test";
    const inMesh = await must(admin(["get", "service", "server", "-n", shop, "-o", "jsonpath={.spec.clusterIP}"]));
    await world.addNames(inMesh, name);
    const control = await eventually("in-mesh by that name", () => reaches(ground, plain, ["tcp", `${name}:81`]));
    const hosts = hostsPath(world.directory);
    await writeFile(hosts, (await readFile(hosts, "utf8")).replace(`${inMesh} ${name}`, `${tcp.address} ${name}`));
    const isRebound = async () => (await inside(ground, plain, `nslookup ${name}`)).stdout.includes(tcp.address);
    await eventually("the name is the outside's", isRebound);
    return { got: await getsOut(ground, plain, ["tcp", `${name}:${tcp.port}`]), control };
  },
};

export const trafficFamily: Family = {
  title: "Traffic of an ordinary pod",
  attacks: [
    traffic("TCP", outward, switchedOff),
    traffic("TLS", () => ["tls", tls.target], switchedOff),
    traffic("HTTP", () => ["http", `http://${http.target}/`], switchedOff),
    traffic(
      "TCP to an IPv4 address written as one of IPv6",
      () => ["tcp", `[::ffff:${tcp.address}]:${tcp.port}`],
      switchedOff,
    ),
    traffic("TCP over IPv6", () => ["tcp", `[${tcp.address6}]:${tcp.port}`], "The capture closes IPv6"),
    traffic("UDP over IPv6", () => ["udp", `[${udp.address6}]:${udp.port}`], "The capture closes IPv6"),
    traffic("UDP", () => ["udp", udp.target], closed),
    traffic("QUIC's port: UDP 443", () => ["udp", quic.target], closed),
    traffic("UDP 53 to another name server", () => ["udp", dns.target], closed),
    dnsByTcp,
    traffic("The Kubernetes API", () => ["tls", `${addresses.apiServerService}:443`], "It is not in-mesh"),
    ping,
    byListener(
      `TCP to 127.0.0.1:${ports.outbound}, Envoy's listener used as a proxy`,
      async () => `127.0.0.1:${ports.outbound}`,
    ),
    byListener(
      `The same by the pod's own address`,
      async ({ addressOf }) => `${await addressOf(plain)}:${ports.outbound}`,
    ),
    byListener(
      `Port ${ports.outbound} of another pod`,
      async ({ addressOf }) => `${await addressOf("server")}:${ports.outbound}`,
    ),
    fromElsewhere,
    {
      verdict: "contained",
      way: `Port ${ports.status} of another pod`,
      because: "A pod's address is not in-mesh, and the switch is off",
      attempt: async (ground) => {
        const words = ["http", `http://${await ground.addressOf("server")}:${ports.status}/ready`];
        return { got: await reaches(ground, plain, words), control: await reachesFromElsewhere(ground, words) };
      },
    },
    statusPort,
    rebinding,
  ],
};
