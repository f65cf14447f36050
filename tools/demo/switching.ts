import { setTimeout as sleep } from "node:timers/promises";
import { cutWithinMs, isCut } from "#test/world/expect-status.ts";
import { type RunningProbe, startProbe } from "#test/world/probe.ts";
import { sampleNamespace } from "#test/world/sample-mesh.ts";
import type { Hop } from "./journey.ts";
import { reachInMesh, reachOut } from "./reach.ts";
import { flip, journeyOf, type Stage, showHops } from "./stage.ts";
import { heading, tell, typed } from "./terminal.ts";

/** Connections of one pod that stay open from one act to the next. */
export interface OpenConnections {
  readonly sending: RunningProbe;
  readonly idle: RunningProbe;
  readonly inMesh: RunningProbe;
}

/** Any of its pods: kubectl takes the same one each time. */
const from = { namespace: sampleNamespace, pod: "deploy/bookbuyer" };

/** On: the change's way, what the pod reaches then, and three connections left open. */
export async function on(stage: Stage): Promise<OpenConnections> {
  const { mesh, shell, checks } = stage;
  heading("3  Egress on");
  const { http, tcp } = mesh.world.outside.sites;
  tell("Meanwhile one pod asks for a page outside every 20 ms. The change:");
  const requests = startProbe(mesh.cluster, from, "http-send", `http://${http.name}/`, "20");
  await requests.until("answer", 10_000);
  const change = await flip(stage, true);
  const { startedMs, hops } = await journeyOf(stage, change);
  const answered = requests.lines.filter((line) => line["answer"] === "200");
  const through = answered.find((line) => line.at >= startedMs);
  requests.stop();

  tell("Its way, each station by its own log, from the moment the API server received it:");
  const seen: readonly Hop[] = through
    ? [{ ms: through.at - startedMs, station: "the pod", what: "its first request gets through" }]
    : [];
  showHops([...hops, ...seen]);
  checks.expect(
    through !== undefined && answered[0] === through,
    "The pod's own requests get through, and none did before.",
  );
  checks.expect(change.verified === 6 && change.total === 6, "6 of 6 sidecars verified.");

  const pod = await shell.enter(sampleNamespace, "bookbuyer");
  const out = await reachOut(mesh, pod);
  checks.expect(
    out.join() === "HTTP,TLS,TCP",
    "HTTP, TLS and TCP to the outside are open. UDP is not proxied: it stays closed.",
  );
  pod.leave();

  tell("Three connections are left open: two to the outside, one of them sending, and one in the mesh.");
  const open = async (mode: string, target: string): Promise<RunningProbe> => {
    typed(`kubectl exec -n ${sampleNamespace} ${from.pod} -c app -- probe ${mode} ${target} &`);
    const probe = startProbe(mesh.cluster, from, mode, target);
    await probe.until("open", 10_000);
    return probe;
  };
  const connections = {
    sending: await open("tcp-send", tcp.target),
    idle: await open("tcp-hold", tcp.target),
    inMesh: await open("tcp-send", "bookstore.bookstore:81"),
  };
  checks.expect(
    Object.values(connections).every((probe) => !probe.ended),
    "All three are open.",
  );
  return connections;
}

/** Off: what becomes of the connections. */
export async function offAgain(stage: Stage, { sending, idle, inMesh }: OpenConnections): Promise<void> {
  const { mesh, shell, checks } = stage;
  heading("4  Egress off again");
  const change = await flip(stage, false);
  const sendingCut = await sending.until("closed", 10_000);
  tell("The sending connection is cut already. Envoy cuts the idle one when its drain time is over, 5 s.");
  const idleCut = await idle.until("closed", 10_000);
  const status = await mesh.untilStatus("cut", isCut, cutWithinMs);
  const echoed = Number(inMesh.lines.at(-1)?.["echoed"] ?? 0);
  await sleep(1_200);
  const echoedLater = Number(inMesh.lines.at(-1)?.["echoed"] ?? 0);

  const { startedMs, hops } = await journeyOf(stage, change);
  showHops([
    ...hops,
    { ms: sendingCut.at - startedMs, station: "outside", what: "the sending connection is cut" },
    { ms: idleCut.at - startedMs, station: "outside", what: "the idle connection is cut" },
    {
      ms: Date.parse(status.cutAt ?? "") - startedMs,
      station: "status",
      what: "EgressCut: no egress connection is open anywhere",
    },
  ]);
  const convergedMs = Date.parse(change.convergedAt);
  checks.expect(
    sendingCut.at - convergedMs < 500,
    "The sending connection was cut as soon as its sidecar had the new version.",
  );
  checks.expect(idleCut.at - convergedMs < 5_500, "The idle one was cut within 5.5 s.");
  checks.expect(
    !inMesh.ended && echoedLater > echoed,
    `The in-mesh connection lives on: ${echoedLater} lines sent and echoed, still counting.`,
  );
  inMesh.stop();
  const pod = await shell.enter(sampleNamespace, "bookbuyer");
  const out = await reachOut(mesh, pod);
  checks.expect(out.length === 0, "New connections to the outside are refused.");
  checks.expect(await reachInMesh(pod), "In-mesh Services answer.");
  pod.leave();
}
