import { type Circumstances, kubectl, placeText, type Words } from "./circumstances.ts";

/**
 * No HTTP answer: by the error's code, of the network or of TLS, what that means and what helps.
 *
 * @param said   the failure's own message, for whatever has no words here
 * @param cause  as the client threw it; a sum of errors, one for each address, counts as its first
 */
export function noAnswerWords(said: string, cause: unknown, circumstances: Circumstances): Words {
  const place = circumstances.place();
  if (!place) return { what: said };
  const server = `${place.server}${placeText(place)}`;
  const code = codeOf(cause);
  const found = kinds.find(({ codes }) => codes.test(code));
  if (!found) return { what: said, remedy: `see whether kubectl gets an answer: ${kubectl(circumstances)} version` };
  return {
    what: `${found.what} ${server} [${code}]`,
    remedy: found.remedy({ kubectl: kubectl(circumstances), cluster: place.cluster, server: place.server }),
  };
}

interface Named {
  readonly kubectl: string;
  readonly cluster: string;
  readonly server: string;
}

const renewed = "EKS: aws eks update-kubeconfig --name CLUSTER";

const kinds: readonly {
  readonly codes: RegExp;
  readonly what: string;
  readonly remedy: (named: Named) => string;
}[] = [
  {
    codes: /^ECONNREFUSED$/,
    what: "nothing listens at",
    remedy: ({ cluster }) =>
      `is the cluster up, and is that its address? kubectl config set-cluster ${cluster} --server=https://HOST:PORT; ${renewed}`,
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    what: "the name does not resolve:",
    remedy: ({ server }) =>
      `does it elsewhere? getent hosts ${new URL(server).hostname}; a deleted cluster's name is gone, a private one wants the VPC's name server (VPN)`,
  },
  {
    codes: /^(TimeoutError|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT|EHOSTUNREACH|ENETUNREACH)$/,
    what: "no answer in time from",
    remedy: ({ server }) =>
      `is there a way to it from here (VPN, firewall, the cluster's public access)? curl -k ${server}/version`,
  },
  {
    codes: /^CERT_HAS_EXPIRED$/,
    what: "the certificate has expired of",
    remedy: () => "look at the clock here (date), then ask whoever runs the API server to renew its certificate",
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    what: "the certificate is for another name than that of",
    remedy: ({ cluster }) =>
      `take a name that is in it: kubectl config set-cluster ${cluster} --server=https://NAME, or --tls-server-name=NAME`,
  },
  {
    codes:
      /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|ERR_OSSL_.*)$/,
    what: "the kubeconfig's certificate authority has not signed the certificate of",
    remedy: () => `the file is of another cluster, or older than its certificates: get a new one; ${renewed}`,
  },
  {
    codes: /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|HPE_.*)$/,
    what: "something else than an API server answers at",
    remedy: ({ cluster }) => `put the address right: kubectl config set-cluster ${cluster} --server=https://HOST:PORT`,
  },
  {
    codes: /^ERR_SSL_.*ALERT.*$/,
    what: "the client certificate is not taken by",
    remedy: () => `get a new kubeconfig; ${renewed}`,
  },
  {
    codes: /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    what: "the connection was cut by, or on the way to,",
    remedy: ({ kubectl: command }) => `try again, then look: ${command} get --raw '/readyz?verbose'`,
  },
];

function codeOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0]);
  if (!(cause instanceof Error)) return "";
  if ("code" in cause && typeof cause.code === "string") return cause.code;
  return cause.name;
}
