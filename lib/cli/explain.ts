import { inspect } from "node:util";
import { EgressError } from "../errors.ts";
import { CommandError } from "./failure.ts";
import { awsWords } from "./trouble/aws.ts";
import { type Circumstances, kubectl, placeText, type Words } from "./trouble/circumstances.ts";
import { loginWords } from "./trouble/login.ts";
import { noAnswerWords } from "./trouble/no-answer.ts";
import { readRefusal } from "./trouble/refusal.ts";
import { refusalWords } from "./trouble/refusal-words.ts";

/**
 * For standard error: the failure, and on the next line what to do about it. No stack and no secrets.
 *
 * @returns one or more lines, without the last line's end
 */
export function explain(error: unknown, circumstances: Circumstances): string {
  const { what, remedy } = wordsOf(error, circumstances);
  return withoutSecrets(`osm: ${what}${remedy === undefined ? "" : `\n  → ${remedy}`}`);
}

/** The same for whoever looks for a fault of osm's own: where it came from, and from what. */
export function traceText(error: unknown): string {
  return withoutSecrets(inspect(error));
}

function wordsOf(error: unknown, circumstances: Circumstances): Words {
  if (error instanceof CommandError) return { what: error.message, remedy: error.remedy };
  if (error instanceof EgressError) return egressWords(error, circumstances);
  const place = circumstances.place();
  if (error instanceof SyntaxError && place) {
    return {
      what: `what answers at ${place.server} does not speak JSON, as an API server would${placeText(place)}`,
      remedy: `put the address right: kubectl config set-cluster ${place.cluster} --server=https://HOST:PORT`,
    };
  }
  return {
    what: `this should not have happened: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    remedy: "it is a fault of osm itself: run it again with OSM_STACK=1, and report what it prints",
  };
}

function egressWords(error: EgressError, circumstances: Circumstances): Words {
  const { reason, what: said, cause } = error;
  const refusal = readRefusal(said);
  if (refusal) return refusalWords(refusal, said, circumstances);
  switch (reason) {
    case "api-unavailable":
      // An answer, but no good one: 429 or 5xx.
      if (cause === undefined || !(cause instanceof Error)) {
        return {
          what: said,
          remedy: `see how the API server is: ${kubectl(circumstances)} get --raw '/readyz?verbose'`,
        };
      }
      return noAnswerWords(said, cause, circumstances);
    case "api-unauthenticated":
      return loginWords(said, cause, circumstances);
    case "api-forbidden":
      return { what: said, remedy: `who you are for the API server: ${kubectl(circumstances)} auth whoami` };
    case "api-invalid":
      return {
        what: said,
        remedy: "is osm of the installed version (osm --version)? Then it is a fault of osm itself: report it",
      };
    case "namespace-terminating":
      return { what: said, remedy: `wait until the namespace is gone: ${kubectl(circumstances)} get namespaces` };
    case "object-missing":
      return { what: said, remedy: "run the command again; if it is a part of the mesh that is missing: osm install" };
    case "object-conflict":
    case "version-expired":
      return { what: said, remedy: "somebody else wrote at the same moment: run the command again" };
    case "aws-forbidden":
    case "aws-unavailable":
      return awsWords(said);
    case "settings-invalid":
    case "event-malformed":
    case "cluster-unknown":
      return { what: said };
  }
}

/** What a server, a proxy or a plug-in may have put into its words: tokens of EKS, JSON Web Tokens, headers with either. */
function withoutSecrets(text: string): string {
  return text.replaceAll(/k8s-aws-v1\.[\w-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\b(Bearer|Basic) [\w.~+/=-]{8,}/g, "(secret)");
}
