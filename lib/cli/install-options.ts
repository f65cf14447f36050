import { type Command, InvalidArgumentError, Option } from "commander";
import { images } from "#deploy/images.ts";
import type { Bus, Parameters } from "#deploy/parameters.ts";
import { booleanSpellings, parseBoolean } from "../mesh/boolean.ts";
import { meshPlace } from "../mesh/names.ts";
import { CommandError } from "./failure.ts";

export interface InstallOptions {
  /** Undefined: an existing value stays as it is. */
  readonly enableEgress?: boolean;
  readonly enablePermissiveTrafficPolicy?: boolean;
  readonly strict?: boolean;
  readonly meshName: string;
  readonly imageRegistry?: string;
  readonly eventBusName?: string;
  readonly clusterName?: string;
  readonly region?: string;
  readonly awsEndpointUrl?: string;
  readonly forwarderCredentialsSecret?: string;
  readonly dryRun?: boolean;
  readonly output: "yaml" | "json";
}

export function withInstallOptions(command: Command): Command {
  return command
    .addOption(
      booleanOption("--enable-egress [boolean]", "set osm-config's egress; without it an existing value stays"),
    )
    .addOption(
      booleanOption("--enable-permissive-traffic-policy [boolean]", "every in-mesh Service is reachable; likewise"),
    )
    .addOption(
      booleanOption("--strict [boolean]", "refuse pods that could get around their sidecar; false takes that back"),
    )
    .option("--mesh-name <name>", "value of the namespaces' membership label", meshPlace.meshName)
    .option("--image-registry <registry>", "where your copies of the images are, e.g. registry.example.com/team")
    .option("--event-bus-name <name>", "install the forwarder: name or ARN of its event bus")
    .option("--cluster-name <name>", "for the forwarder: this cluster's name, as EKS knows it")
    .option("--region <region>", "for the forwarder: AWS region of the bus")
    .option("--aws-endpoint-url <url>", "for the forwarder: where EventBridge answers, if not at AWS")
    .option(
      "--forwarder-credentials-secret <name>",
      "for the forwarder: Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without it EKS Pod Identity or IRSA",
    )
    .option("--dry-run", "print what would be installed, and speak to no cluster")
    .addOption(new Option("-o, --output <format>", "how --dry-run prints").choices(["yaml", "json"]).default("yaml"));
}

/** `--flag`, `--flag=false`: the twelve spellings of osm-config itself. */
function booleanOption(flags: string, description: string): Option {
  return new Option(flags, description).preset("true").argParser((text) => {
    const value = parseBoolean(text);
    if (value === undefined) throw new InvalidArgumentError(`It must be one of ${booleanSpellings.join(" ")}.`);
    return value;
  });
}

export function parametersOf(options: InstallOptions, osmNamespace: string): Parameters {
  const bus = busOf(options);
  return {
    meshName: options.meshName,
    osmNamespace,
    images: images(options.imageRegistry),
    egress: options.enableEgress ?? false,
    permissive: options.enablePermissiveTrafficPolicy ?? false,
    strict: options.strict ?? false,
    ...(bus ? { bus } : {}),
  };
}

/** All of the bus's settings, or none. */
function busOf(options: InstallOptions): Bus | undefined {
  const { eventBusName, clusterName, region, awsEndpointUrl, forwarderCredentialsSecret } = options;
  if (eventBusName !== undefined && clusterName !== undefined && region !== undefined) {
    return {
      eventBusName,
      clusterName,
      region,
      ...(awsEndpointUrl === undefined ? {} : { endpointUrl: awsEndpointUrl }),
      ...(forwarderCredentialsSecret === undefined ? {} : { credentialsSecret: forwarderCredentialsSecret }),
    };
  }
  if (
    [eventBusName, clusterName, region, awsEndpointUrl, forwarderCredentialsSecret].every(
      (value) => value === undefined,
    )
  ) {
    return undefined;
  }
  throw new CommandError(
    "the forwarder needs --event-bus-name, --cluster-name and --region together",
    "give all three, or none to install without a forwarder",
  );
}
