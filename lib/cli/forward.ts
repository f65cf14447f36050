import { hostname } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { openEventSink } from "../aws/event-sink.ts";
import { clusterName } from "../events/fields.ts";
import { forward } from "../forwarder/forward.ts";
import { forwarderHeartbeat } from "../kube/forwarder-lease.ts";
import { meshPlace } from "../mesh/names.ts";
import { connect } from "./cluster-options.ts";
import { jsonLog } from "./json-log.ts";
import { stopOnSignal } from "./stop-signal.ts";

interface ForwardOptions {
  readonly eventBusName: string;
  readonly clusterName: string;
  readonly osmNamespace: string;
  readonly meshName: string;
  readonly region?: string;
  readonly awsEndpointUrl?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** `osm forward`: runs until SIGTERM or SIGINT, and then sends what it still holds. */
export function forwardCommand(): Command {
  return new Command("forward")
    .description("Watch the mesh and send an event to EventBridge for every change that concerns it")
    .addOption(
      new Option("--event-bus-name <name>", "name or ARN of the event bus")
        .env("OSM_EVENT_BUS_NAME")
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--cluster-name <name>", "this cluster's name, as EKS knows it")
        .env("OSM_CLUSTER_NAME")
        .argParser(parseClusterName)
        .makeOptionMandatory(),
    )
    .addOption(new Option("--region <region>", "AWS region of the bus").env("AWS_REGION"))
    .addOption(
      new Option("--aws-endpoint-url <url>", "where EventBridge answers, if not at AWS").env("AWS_ENDPOINT_URL"),
    )
    .addOption(
      new Option("--osm-namespace <namespace>", "namespace of osm-config")
        .env("OSM_NAMESPACE")
        .default(meshPlace.osmNamespace),
    )
    .addOption(
      new Option("--mesh-name <name>", "the mesh's name in its namespaces' label")
        .env("OSM_MESH_NAME")
        .default(meshPlace.meshName),
    )
    .option("--kubeconfig <file>", "kubeconfig file; in a pod its service account is used")
    .option("--context <name>", "context of the kubeconfig")
    .action(runForward);
}

function parseClusterName(text: string): string {
  const parsed = clusterName.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError("EKS names have letters, digits, - and _, at most 100.");
  return parsed.data;
}

async function runForward(options: ForwardOptions): Promise<void> {
  const log = jsonLog();
  const stop = new AbortController();
  stopOnSignal(stop);
  const { region, awsEndpointUrl } = options;
  const connection = connect(options);
  log.info("starting", { cluster: options.clusterName, bus: options.eventBusName, server: connection.server });
  const send = openEventSink({
    busName: options.eventBusName,
    ...(region === undefined ? {} : { region }),
    ...(awsEndpointUrl === undefined ? {} : { endpoint: awsEndpointUrl }),
  });
  const place = { osmNamespace: options.osmNamespace, meshName: options.meshName };
  const renew = forwarderHeartbeat(connection, place.osmNamespace, hostname());
  await forward({ connection, cluster: options.clusterName, place, send, renew, log }, stop.signal);
}
