import { describe, expect, test } from "vitest";
import { explain } from "#lib/cli/explain.ts";
import { CommandError } from "#lib/cli/failure.ts";
import type { Circumstances } from "#lib/cli/trouble/circumstances.ts";
import { EgressError, type Reason } from "#lib/errors.ts";
import type { KubeconfigPlace, Login } from "#lib/kube/kubeconfig-place.ts";

const place: KubeconfigPlace = {
  files: ["/home/ann/config"],
  context: "prod",
  cluster: "shop",
  server: "https://api.example.com:6443",
  user: "ann",
  login: { kind: "token" },
};

function circumstances(more: Partial<Circumstances> = {}, login?: Login): Circumstances {
  return {
    command: "osm egress enable",
    choice: { context: "prod" },
    place: () => ({ ...place, ...(login ? { login } : {}) }),
    ...more,
  };
}

const failed = (code: string, message = "it failed") => Object.assign(new Error(message), { code });
const noAnswer = (cause: Error) =>
  new EgressError("api-unavailable", `GET /version: no answer from ${place.server}: x`, cause);

/** Both lines, as a person reads them. */
function lines(error: unknown, given = circumstances()): { readonly what: string; readonly remedy: string } {
  const [what = "", ...remedy] = explain(error, given).split("\n  → ");
  return { what, remedy: remedy.join("\n  → ") };
}

test("what a command says stands as it is", () => {
  expect(explain(new CommandError("it is wrong", "put it right"), circumstances())).toBe(
    "osm: it is wrong\n  → put it right",
  );
});

describe("no answer: what, where and a command, by the error's code", () => {
  const rows: readonly (readonly [code: string, what: RegExp, remedy: RegExp])[] = [
    ["ECONNREFUSED", /^osm: nothing listens at /, /kubectl config set-cluster shop --server=/],
    ["ENOTFOUND", /^osm: the name does not resolve: /, /getent hosts api\.example\.com/],
    ["EAI_AGAIN", /^osm: the name does not resolve: /, /getent hosts api\.example\.com/],
    ["ETIMEDOUT", /^osm: no answer in time from /, /curl -k https:\/\/api\.example\.com:6443\/version/],
    ["UND_ERR_CONNECT_TIMEOUT", /^osm: no answer in time from /, /VPN, firewall/],
    ["EHOSTUNREACH", /^osm: no answer in time from /, /VPN, firewall/],
    ["CERT_HAS_EXPIRED", /^osm: the certificate has expired of /, /clock here \(date\)/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", /^osm: the certificate is for another name/, /--tls-server-name=NAME/],
    ["SELF_SIGNED_CERT_IN_CHAIN", /authority has not signed the certificate of /, /aws eks update-kubeconfig/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", /authority has not signed the certificate of /, /aws eks update-kubeconfig/],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /authority has not signed the certificate of /, /aws eks update-kubeconfig/],
    ["EPROTO", /^osm: something else than an API server answers at /, /set-cluster shop --server=/],
    ["ERR_SSL_WRONG_VERSION_NUMBER", /^osm: something else than an API server answers at /, /set-cluster shop/],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", /^osm: the client certificate is not taken by /, /get a new kubeconfig/],
    ["ECONNRESET", /^osm: the connection was cut by, or on the way to, /, /kubectl --context prod get --raw/],
  ];
  test.each(rows)("%s", (code, what, remedy) => {
    const said = lines(noAnswer(failed(code)));
    expect(said.what).toMatch(what);
    expect(said.what).toContain(`https://api.example.com:6443 (context prod, user ann, in /home/ann/config) [${code}]`);
    expect(said.remedy).toMatch(remedy);
  });

  test("a request that was given up counts as no answer in time", () => {
    const cause = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    expect(lines(noAnswer(cause)).what).toMatch(/^osm: no answer in time from .*\[TimeoutError\]$/);
  });

  test("of several addresses the first one's", () => {
    const cause = new AggregateError([failed("ECONNREFUSED"), failed("ENETUNREACH")], "");
    expect(lines(noAnswer(cause)).what).toContain("nothing listens at");
  });

  test("a code that nobody knows keeps the client's words", () => {
    expect(lines(noAnswer(failed("EWHATEVER")))).toEqual({
      what: "osm: GET /version: no answer from https://api.example.com:6443: x",
      remedy: "see whether kubectl gets an answer: kubectl --context prod version",
    });
  });

  test("an answer of an API server that is not well", () => {
    const said = lines(new EgressError("api-unavailable", "GET /version: 503 etcd is away"));
    expect(said).toEqual({
      what: "osm: GET /version: 503 etcd is away",
      remedy: "see how the API server is: kubectl --context prod get --raw '/readyz?verbose'",
    });
  });
});

describe("credentials that are not taken, by the way of logging in", () => {
  const refused = new EgressError("api-unauthenticated", "GET /version: 401 Unauthorized");
  const rows: readonly (readonly [string, Login, RegExp, RegExp])[] = [
    [
      "an expired certificate",
      { kind: "certificate", expiredAt: "2020-01-01T00:00:00Z" },
      /^osm: the user's client certificate expired at 2020-01-01T00:00:00Z \(context prod, user ann, in/,
      /kubectl --context prod config get-contexts/,
    ],
    [
      "an expired token",
      { kind: "token", expiredAt: "2020-01-01T00:00:00Z" },
      /the user's token expired at 2020/,
      /get-contexts/,
    ],
    [
      "a token",
      { kind: "token" },
      /^osm: https:\/\/api\.example\.com:6443 does not take the user's token \(context prod/,
      /auth whoami/,
    ],
    ["a certificate", { kind: "certificate" }, /does not take the user's client certificate/, /auth whoami/],
    [
      "AWS's program",
      { kind: "program", command: "aws" },
      /does not take what program aws logs in with \(context prod/,
      /aws sts get-caller-identity.*aws eks list-access-entries/,
    ],
    ["another program", { kind: "program", command: "kubelogin" }, /program kubelogin/, /log in again with it/],
    ["nothing", { kind: "none" }, /the kubeconfig's user shows no credentials to https/, /get-contexts/],
    ["a pod's account", { kind: "service-account" }, /does not take the credentials/, /auth whoami/],
  ];
  test.each(rows)("%s", (_, login, what, remedy) => {
    const said = lines(refused, circumstances({}, login));
    expect(said.what).toMatch(what);
    expect(said.remedy).toMatch(remedy);
  });
});

describe("credentials that cannot be had", () => {
  const without = (cause: Error) =>
    new EgressError("api-unauthenticated", `no credentials for ${place.server}: ${cause.message}`, cause);
  const program: Login = { kind: "program", command: "aws" };

  test("the program is not there", () => {
    expect(lines(without(failed("ENOENT", "spawn aws ENOENT")), circumstances({}, program))).toEqual({
      what: "osm: the user logs in with program aws, which is not there (context prod, user ann, in /home/ann/config)",
      remedy: "install it, or put it on the PATH: command -v aws",
    });
  });

  test("the program fails", () => {
    const said = lines(without(new Error("Token has expired")), circumstances({}, program));
    expect(said.what).toMatch(
      /^osm: program aws, with which the user logs in, failed \(context prod.*: Token has expired$/,
    );
    expect(said.remedy).toContain("aws sso login");
  });

  test("a file that the kubeconfig names is not there", () => {
    const cause = Object.assign(failed("ENOENT"), { path: "/etc/ca.crt" });
    expect(lines(without(cause))).toEqual({
      what: "osm: the kubeconfig names /etc/ca.crt, which cannot be read: ENOENT (context prod, user ann, in /home/ann/config)",
      remedy: "see whether it is there: ls -l /etc/ca.crt",
    });
  });
});

describe("refusals", () => {
  const rbac =
    'PATCH /api/v1/namespaces/osm-system/configmaps/osm-config: 403 configmaps "osm-config" is forbidden: User "ann" cannot patch resource "configmaps" in API group "" in the namespace "osm-system"';
  const forbidden = (what: string) => new EgressError("api-forbidden", what);

  test("a missing right: verb, resource, name, namespace, user, and the commands that give it", () => {
    expect(explain(forbidden(rbac), circumstances())).toBe(
      [
        "osm: user ann may not patch configmaps osm-config in namespace osm-system (context prod, user ann, in /home/ann/config)",
        "  → choose a context that may, with --context, or ask whoever administers the cluster for the right:",
        "    kubectl create role osm-patch-configmaps -n osm-system --verb=patch --resource=configmaps --resource-name=osm-config",
        "    kubectl create rolebinding osm-patch-configmaps -n osm-system --role=osm-patch-configmaps --user=ann",
      ].join("\n"),
    );
  });

  const grants: readonly (readonly [string, string, readonly string[]])[] = [
    [
      "in the cluster, of a whole collection, to a role of AWS",
      'namespaces is forbidden: User "arn:aws:sts::1:assumed-role/a b/c" cannot list resource "namespaces" in API group "" at the cluster scope',
      [
        "kubectl create clusterrole osm-list-namespaces --verb=list --resource=namespaces",
        "kubectl create clusterrolebinding osm-list-namespaces --clusterrole=osm-list-namespaces --user='arn:aws:sts::1:assumed-role/a b/c'",
      ],
    ],
    [
      "of a subresource in an API group, to a service account",
      'deployments.apps "web" is forbidden: User "system:serviceaccount:ci:bot" cannot patch resource "deployments/scale" in API group "apps" in the namespace "shop"',
      [
        "kubectl create role osm-patch-deployments-scale -n shop --verb=patch --resource=deployments.apps/scale --resource-name=web",
        "kubectl create rolebinding osm-patch-deployments-scale -n shop --role=osm-patch-deployments-scale --serviceaccount=ci:bot",
      ],
    ],
    [
      "to create, which is not by name",
      'configmaps "osm-config" is forbidden: User "ann" cannot create resource "configmaps" in API group "" in the namespace "osm-system"',
      [
        "kubectl create role osm-create-configmaps -n osm-system --verb=create --resource=configmaps",
        "kubectl create rolebinding osm-create-configmaps -n osm-system --role=osm-create-configmaps --user=ann",
      ],
    ],
    [
      "of a path",
      'forbidden: User "ann" cannot get path "/version"',
      [
        "kubectl create clusterrole osm-get-path --verb=get --non-resource-url=/version",
        "kubectl create clusterrolebinding osm-get-path --clusterrole=osm-get-path --user=ann",
      ],
    ],
  ];
  test.each(grants)("a right %s", (_, message, commands) => {
    const { remedy } = lines(forbidden(`GET /x: 403 ${message}`));
    expect(remedy.split("\n    ").slice(1)).toEqual(commands);
  });

  test("osm install wants an administrator, not one right after the other", () => {
    const said = lines(forbidden(rbac), circumstances({ command: "osm install" }));
    expect(said.what).toBe("osm: user ann may not patch configmaps osm-config in namespace osm-system");
    expect(said.remedy).toMatch(/cluster administrator with --context; .*kubectl --context prod auth whoami$/);
  });

  test("rights that one cannot give because one has not got them", () => {
    const message =
      'clusterroles.rbac.authorization.k8s.io "osm-reconciler" is forbidden: user "ann" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""]}';
    const said = lines(forbidden(`PATCH /x: 403 ${message}`), circumstances({ command: "osm install" }));
    expect(said.what).toBe("osm: user ann may not give rights that it has not got itself, and osm install gives some");
    expect(said.remedy).toContain("auth whoami");
  });

  test("the reconcilers' group has lost a right: the mesh is half installed", () => {
    const message =
      'leases.coordination.k8s.io "osm-reconciler" is forbidden: User "osm-cli" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "osm-system"';
    expect(lines(forbidden(`GET /x: 403 ${message}`), circumstances({ command: "osm reconcile" }))).toEqual({
      what: "osm: group osm:reconcilers, as which osm reconcile writes, may not get leases.coordination.k8s.io osm-reconciler in namespace osm-system: the mesh's roles are missing or changed",
      remedy: "osm install puts them back",
    });
  });

  test("nobody: the kubeconfig's user has no credentials", () => {
    const said = lines(forbidden(`GET /x: 403 ${rbac.replace('"ann"', '"system:anonymous"')}`));
    expect(said.what).toContain("the kubeconfig's user shows no credentials (context prod");
    expect(said.remedy).toContain("auth whoami");
  });

  const admissions: readonly (readonly [string, string, Reason, RegExp])[] = [
    [
      "Pod Security",
      'pods "web" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities',
      "api-forbidden",
      /kubectl --context prod label namespace shop pod-security\.kubernetes\.io\/enforce=privileged --overwrite/,
    ],
    [
      "a quota",
      'configmaps "osm-sidecar.web" is forbidden: exceeded quota: small, requested: count/configmaps=1',
      "api-forbidden",
      /kubectl --context prod describe quota small -n shop$/,
    ],
    [
      "a policy",
      "ValidatingAdmissionPolicy 'their-policy' with binding 'their-binding' denied request: no ConfigMaps today",
      "api-invalid",
      /what policy their-policy wants: kubectl --context prod get validatingadmissionpolicy their-policy -o yaml$/,
    ],
    [
      "a policy that changes things",
      "MutatingAdmissionPolicy 'their-policy' with binding 'their-binding' denied request: no such key",
      "api-invalid",
      /kubectl --context prod get mutatingadmissionpolicy their-policy -o yaml$/,
    ],
    [
      "a namespace that may not leave the mesh",
      "namespaces \"shop\" is forbidden: ValidatingAdmissionPolicy 'osm-exempt-namespaces' with binding 'osm-exempt-namespaces' denied request: takes injected pods out of the mesh",
      "api-forbidden",
      /with the verb exempt .*: kubectl --context prod get rolebindings,clusterrolebindings -A -o wide \| grep osm-exempt$/,
    ],
    [
      "a webhook that denies",
      'admission webhook "check.example.com" denied the request: not on Fridays',
      "api-forbidden",
      /whoever runs webhook check\.example\.com: kubectl --context prod get validatingwebhookconfigurations/,
    ],
    [
      "a webhook that is away",
      'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: Post "https://check": EOF',
      "api-unavailable",
      /whoever runs webhook check\.example\.com/,
    ],
  ];
  test.each(admissions)("%s", (_, message, reason, remedy) => {
    const said = lines(new EgressError(reason, `POST /api/v1/namespaces/shop/x: 403 ${message}`));
    expect(said.what).toContain(message);
    expect(said.remedy).toMatch(remedy);
  });
});

describe("AWS", () => {
  const rows: readonly (readonly [Reason, string, RegExp])[] = [
    ["aws-unavailable", "GetQueueUrl q: Error Region is missing", /give --region, or set AWS_REGION/],
    ["aws-unavailable", "GetQueueUrl q: CredentialsProviderError Could not load credentials", /aws sso login/],
    ["aws-unavailable", "GetQueueUrl q: ExpiredToken The security token is expired", /aws sts get-caller-identity/],
    [
      "aws-forbidden",
      "GetQueueUrl q: AccessDenied not authorized to perform sqs:GetQueueUrl",
      /have the right that is named/,
    ],
    [
      "aws-unavailable",
      "GetQueueUrl q: Error getaddrinfo ENOTFOUND sqs.nowhere-1.amazonaws.com",
      /is --region one of AWS's/,
    ],
    ["aws-unavailable", "GetQueueUrl q: ThrottlingException slow down", /health\.aws\.amazon\.com/],
  ];
  test.each(rows)("%s %s", (reason, said, remedy) => {
    const found = lines(new EgressError(reason, said), circumstances({ place: () => undefined }));
    expect(found.what).toBe(`osm: ${said}`);
    expect(found.remedy).toMatch(remedy);
  });
});

test.each([
  ["namespace-terminating", /kubectl --context prod get namespaces/],
  ["object-conflict", /run the command again/],
  ["version-expired", /run the command again/],
  ["object-missing", /osm install/],
  ["api-invalid", /osm --version/],
] as const)("%s has a remedy", (reason, remedy) => {
  expect(lines(new EgressError(reason, "PATCH /x: no")).remedy).toMatch(remedy);
});

test("an answer that is no JSON is somebody else's, and is not quoted", () => {
  const said = lines(new SyntaxError(`Unexpected token '<', "<html>secret" is not valid JSON`));
  expect(said.what).toBe(
    "osm: what answers at https://api.example.com:6443 does not speak JSON, as an API server would (context prod, user ann, in /home/ann/config)",
  );
  expect(said.remedy).toContain("kubectl config set-cluster shop --server=");
});

test("a fault of osm's own is called that, without a stack", () => {
  const said = explain(new TypeError("x is not a function"), circumstances());
  expect(said).toBe(
    "osm: this should not have happened: TypeError: x is not a function\n  → it is a fault of osm itself: run it again with OSM_STACK=1, and report what it prints",
  );
});

test.each([
  "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXU",
  "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl",
  "Bearer 0123456789abcdef",
  "Basic YW5uOnNlY3JldA==",
])("no message has %s in it", (secret) => {
  const said = explain(new EgressError("api-unavailable", `GET /x: 500 a proxy says: ${secret}`), circumstances());
  expect(said).toContain("a proxy says: (secret)");
  expect(said).not.toContain(secret.split(" ").at(-1));
});
