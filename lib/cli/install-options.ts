import { type Command, InvalidArgumentError, Option } from "commander";
import { images } from "#deploy/images.ts";
import type { Bus, Parameters } from "#deploy/parameters.ts";
import { booleanSpellings, parseBoolean } from "../mesh/boolean.ts";
import { meshPlace } from "../mesh/names.ts";
import { registryOf } from "../mesh/sidecar-image.ts";
import { CommandError } from "./failure.ts";
import type { Installed } from "./installed.ts";

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
  readonly kubeVersion?: string;
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
    .option(
      "--image-registry <registry>",
      "where your copies of the images are, e.g. registry.example.com/team; without it the registry stays",
    )
    .option(
      "--event-bus-name <name>",
      "install the forwarder: name or ARN of its event bus; later, what is not given stays",
    )
    .option("--cluster-name <name>", "for the forwarder: this cluster's name, as EKS knows it")
    .option("--region <region>", "for the forwarder: AWS region of the bus")
    .option(
      "--aws-endpoint-url <url>",
      "for the forwarder: where EventBridge answers, if not at AWS; empty: at AWS again",
    )
    .option(
      "--forwarder-credentials-secret <name>",
      "for the forwarder: Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; empty, or never given: EKS Pod Identity or IRSA",
    )
    .option("--dry-run", "print what would be installed; speaks to no cluster, so give all that is to stay")
    .option("--kube-version <version>", "for --dry-run: the cluster's; before 1.36 without what injects")
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

/** @param installed  what the flags need not repeat */
export function parametersOf(options: InstallOptions, osmNamespace: string, installed: Installed = {}): Parameters {
  const { enableEgress: egress, enablePermissiveTrafficPolicy: permissive, strict } = options;
  const bus = busOf(options, installed.bus);
  return {
    meshName: options.meshName,
    osmNamespace,
    images: images(options.imageRegistry ?? installedRegistry(installed.sidecarImage)),
    ...(egress === undefined ? {} : { egress }),
    ...(permissive === undefined ? {} : { permissive }),
    ...(strict === undefined ? {} : { strict }),
    ...(bus ? { bus } : {}),
  };
}

function installedRegistry(sidecarImage: string | undefined): string | undefined {
  if (sidecarImage === undefined) return undefined;
  const registry = registryOf(sidecarImage);
  if (registry !== undefined) return registry;
  throw new CommandError(
    `the mesh has image ${sidecarImage}, from which the registry cannot be told: it does not end in /osm-egress/sidecar:VERSION`,
    "say with --image-registry where the images of this version are",
  );
}

/** All of the bus's settings, or none. An empty text takes an optional one back. */
function busOf(options: InstallOptions, installed: Bus | undefined): Bus | undefined {
  const {
    eventBusName = installed?.eventBusName,
    clusterName = installed?.clusterName,
    region = installed?.region,
    awsEndpointUrl: endpointUrl = installed?.endpointUrl,
    forwarderCredentialsSecret: credentialsSecret = installed?.credentialsSecret,
  } = options;
  if (eventBusName && clusterName && region) {
    return {
      eventBusName,
      clusterName,
      region,
      ...(endpointUrl ? { endpointUrl } : {}),
      ...(credentialsSecret ? { credentialsSecret } : {}),
    };
  }
  if ([eventBusName, clusterName, region, endpointUrl, credentialsSecret].every((value) => value === undefined)) {
    return undefined;
  }
  throw new CommandError(
    "the forwarder needs --event-bus-name, --cluster-name and --region together",
    "give all three, or none to install without a forwarder",
  );
}
