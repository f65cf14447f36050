import type { KubeconfigPlace } from "../../kube/kubeconfig-place.ts";
import { type Circumstances, kubectl, placeText, type Words } from "./circumstances.ts";

/**
 * 401, or no credentials to be had: by the way the kubeconfig's user logs in.
 *
 * @param cause  what kept the credentials from being had; undefined where the API server did not take them
 */
export function loginWords(said: string, cause: unknown, circumstances: Circumstances): Words {
  const place = circumstances.place();
  if (!place) return { what: said };
  return cause === undefined ? notTaken(place, circumstances) : notHad(said, cause, place, circumstances);
}

function notTaken(place: KubeconfigPlace, circumstances: Circumstances): Words {
  const { login, server } = place;
  const where = placeText(place);
  switch (login.kind) {
    case "certificate":
    case "token": {
      const what = login.kind === "token" ? "token" : "client certificate";
      if (login.expiredAt !== undefined) {
        return {
          what: `the user's ${what} expired at ${login.expiredAt}${where}`,
          remedy: `get a new one from whoever gave you the kubeconfig, or choose another user with --context: ${kubectl(circumstances)} config get-contexts`,
        };
      }
      return {
        what: `${server} does not take the user's ${what}${where}`,
        remedy: `it is another cluster's, or was withdrawn: get a new one, and see who you are then: ${kubectl(circumstances)} auth whoami`,
      };
    }
    case "program":
      return {
        what: `${server} does not take what program ${login.command} logs in with${where}`,
        remedy: login.command.endsWith("aws")
          ? "see who AWS takes you for (aws sts get-caller-identity), and whether the cluster knows that role: aws eks list-access-entries --cluster-name CLUSTER"
          : `log in again with it, then see who you are: ${kubectl(circumstances)} auth whoami`,
      };
    case "none":
      return {
        what: `the kubeconfig's user shows no credentials to ${server}${where}`,
        remedy: `choose a context whose user has some, with --context: ${kubectl(circumstances)} config get-contexts`,
      };
    default:
      return {
        what: `${server} does not take the credentials${where}`,
        remedy: `log in again, and see who you are: ${kubectl(circumstances)} auth whoami`,
      };
  }
}

function notHad(said: string, cause: unknown, place: KubeconfigPlace, circumstances: Circumstances): Words {
  const { code, path } = cause as { readonly code?: unknown; readonly path?: unknown };
  const { login } = place;
  const where = placeText(place);
  if (login.kind === "program") {
    if (code === "ENOENT") {
      return {
        what: `the user logs in with program ${login.command}, which is not there${where}`,
        remedy: `install it, or put it on the PATH: command -v ${login.command}`,
      };
    }
    const why = said.slice(said.indexOf(": ") + 2);
    return {
      what: `program ${login.command}, with which the user logs in, failed${where}: ${why}`,
      remedy: login.command.endsWith("aws")
        ? "see who AWS takes you for: aws sts get-caller-identity; log in again, e.g. aws sso login"
        : `see what kubectl says, which calls it the same way: ${kubectl(circumstances)} auth whoami`,
    };
  }
  if (typeof path === "string") {
    return {
      what: `the kubeconfig names ${path}, which cannot be read: ${String(code)}${where}`,
      remedy: `see whether it is there: ls -l ${path}`,
    };
  }
  return { what: said, remedy: `see what kubectl says: ${kubectl(circumstances)} auth whoami` };
}
