import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { contextNamespace, openKubeconfig, readKubeconfig } from "#lib/kube/kubeconfig.ts";
import { kubeconfigPlace } from "#lib/kube/kubeconfig-place.ts";
import { createAuthority } from "#test/cluster/certificates.ts";

const secret = "very-secret-token";
let directory = "";
const pathOf = (name: string) => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "osm-kubeconfig-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  vi.stubEnv("HOME", pathOf("home"));
  vi.stubEnv("KUBECONFIG", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A kubeconfig that is right, with its differences. */
function config(name: string, more: object = {}, user: object = { token: secret }) {
  return {
    clusters: [{ name: "shop", cluster: { server: `https://${name}.example.com` } }],
    users: [{ name: "ann", user }],
    contexts: [{ name: "prod", context: { cluster: "shop", user: "ann" } }],
    "current-context": "prod",
    ...more,
  };
}

function write(name: string, content: object | string): string {
  writeFileSync(pathOf(name), typeof content === "string" ? content : JSON.stringify(content));
  return pathOf(name);
}

function faultOf(file: string, context?: string) {
  const read = readKubeconfig({ kubeconfig: file, ...(context === undefined ? {} : { context }) });
  if (read.ok) throw new Error("it was taken");
  return read.fault;
}

describe("a kubeconfig that cannot be used: which, why, and what to do", () => {
  const rows: readonly (readonly [string, () => string, string, RegExp])[] = [
    [
      "is not there",
      () => pathOf("nowhere"),
      "kubeconfig FILE does not exist",
      /--kubeconfig or \$KUBECONFIG; EKS writes/,
    ],
    [
      "is a directory",
      () => {
        mkdirSync(pathOf("folder"), { recursive: true });
        return pathOf("folder");
      },
      "kubeconfig FILE cannot be read: EISDIR",
      /ls -ld .*folder/,
    ],
    [
      "is not YAML",
      () => write("bad", `clusters:\n- name: shop\nusers: [{token: ${secret}\ncontexts: [`),
      "kubeconfig FILE, line 4: this is not YAML (BAD_INDENT)",
      /put that line right/,
    ],
    [
      "is empty",
      () => write("empty", ""),
      "kubeconfig FILE has no clusters and no contexts in it",
      /update-kubeconfig/,
    ],
    [
      "is some text",
      () => write("text", "hello"),
      "kubeconfig FILE has no clusters and no contexts in it",
      /EKS writes/,
    ],
    [
      "has a cluster without a server",
      () => write("serverless", config("a", { clusters: [{ name: "shop", cluster: {} }] })),
      "kubeconfig FILE is not complete: clusters[0].cluster.server is missing",
      /written anew/,
    ],
    [
      "names a token file that is not there",
      () => write("token-file", config("a", {}, { "token-file": "/nowhere/token" })),
      "kubeconfig FILE names /nowhere/token, which cannot be read: ENOENT",
      /ls -l \/nowhere\/token/,
    ],
    [
      "has no current context",
      () => write("undecided", config("a", { "current-context": "" })),
      "kubeconfig FILE: no context is chosen; it has prod",
      /kubectl config use-context NAME/,
    ],
    [
      "has a context without its cluster",
      () => write("clusterless", config("a", { clusters: [] })),
      "kubeconfig FILE: context prod is of cluster shop, which the file does not have",
      /kubectl config get-contexts/,
    ],
    [
      "has a context without its user",
      () => write("userless", config("a", { users: [] })),
      "kubeconfig FILE: context prod is of user ann, which the file does not have",
      /kubectl config get-contexts/,
    ],
    [
      "has a server that is no URL",
      () => write("no-url", config("a", { clusters: [{ name: "shop", cluster: { server: "shop:port" } }] })),
      "kubeconfig FILE: server of cluster shop is not https: shop:port",
      /kubectl config set-cluster shop --server=/,
    ],
    [
      "has a server without TLS",
      () => write("http", config("a", { clusters: [{ name: "shop", cluster: { server: "http://a" } }] })),
      "kubeconfig FILE: server of cluster shop is not https: http://a",
      /kubectl config set-cluster shop --server=/,
    ],
  ];
  test.each(rows)("it %s", (_, make, what, remedy) => {
    const file = make();
    const fault = faultOf(file);
    expect(fault.what).toBe(what.replace("FILE", file));
    expect(fault.remedy).toMatch(remedy);
    expect(`${fault.what}${fault.remedy}`).not.toContain(secret);
  });

  test("a context that it has not got: those that it has are named", () => {
    expect(faultOf(write("contexts", config("a")), "stage").what).toBe(
      `kubeconfig ${pathOf("contexts")} has no context stage; it has prod`,
    );
  });

  test("whoever opens it without looking hears the same", () => {
    expect(() => openKubeconfig({ kubeconfig: pathOf("nowhere") })).toThrow(
      /\[settings-invalid\] kubeconfig .*nowhere does not exist; give another/,
    );
  });
});

describe("which file, when none is named", () => {
  test("none at all", () => {
    expect(readKubeconfig()).toEqual({
      ok: false,
      fault: expect.objectContaining({
        what: "there is no kubeconfig: $KUBECONFIG is not set, and ~/.kube/config does not exist",
      }),
    });
  });

  test("$KUBECONFIG names nothing that is there", () => {
    vi.stubEnv("KUBECONFIG", ["/no/a", "/no/b"].join(delimiter));
    const read = readKubeconfig();
    expect(read.ok || read.fault.what).toBe("$KUBECONFIG names /no/a and /no/b, which do not exist");
  });

  test("~/.kube/config", () => {
    mkdirSync(pathOf("home/.kube"), { recursive: true });
    try {
      write("home/.kube/config", config("usual"));
      expect(kubeconfigPlace({})).toMatchObject({ server: "https://usual.example.com", context: "prod" });
    } finally {
      rmSync(pathOf("home"), { recursive: true });
    }
  });

  test("several of $KUBECONFIG: the first counts, the others add, what is not there is left out, as kubectl has it", () => {
    const other = config("second", { "current-context": "stage" });
    const more = { name: "stage", context: { cluster: "shop", user: "bob" } };
    const second = { ...other, contexts: [...other.contexts, more], users: [{ name: "bob", user: { token: "t" } }] };
    const files = [write("first", config("first")), pathOf("nowhere"), write("second", second)];
    vi.stubEnv("KUBECONFIG", files.join(delimiter));
    expect(kubeconfigPlace({})).toMatchObject({ context: "prod", server: "https://first.example.com", user: "ann" });
    expect(kubeconfigPlace({ context: "stage" })).toMatchObject({ server: "https://first.example.com", user: "bob" });
    expect(kubeconfigPlace({})?.files).toEqual([files[0], files[2]]);
  });
});

describe("how the user logs in", () => {
  const loginOf = (user: object) => kubeconfigPlace({ kubeconfig: write("login", config("a", {}, user)) })?.login;
  const jwt = (exp: number) => `h.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.s`;

  test.each([
    ["with an opaque token", { token: secret }, { kind: "token" }],
    [
      "with a token that has expired",
      { token: jwt(1_577_836_800) },
      { kind: "token", expiredAt: "2020-01-01T00:00:00Z" },
    ],
    ["with one that has not", { token: jwt(4_102_444_800) }, { kind: "token" }],
    ["with a program", { exec: { command: "aws", args: ["--secret", secret] } }, { kind: "program", command: "aws" }],
    ["not at all", {}, { kind: "none" }],
  ])("%s", (_, user, login) => {
    const found = loginOf(user);
    expect(found).toEqual(login);
    expect(JSON.stringify(found)).not.toContain(secret);
  });

  test("with a certificate, expired or not", async () => {
    const authority = await createAuthority(pathOf("pki"));
    const [good, old] = await Promise.all([
      authority.issueClient("good", "/CN=ann"),
      authority.issueExpiredClient("old", "/CN=ann"),
    ]);
    expect(loginOf({ "client-certificate": good.certFile })).toEqual({ kind: "certificate" });
    const expired = { kind: "certificate", expiredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/) };
    expect(loginOf({ "client-certificate": old.certFile })).toEqual(expired);
    const data = readFileSync(old.certFile).toString("base64");
    expect(loginOf({ "client-certificate-data": data })).toEqual(expired);
  });
});

test.each([
  [undefined, "default"],
  ["prod", "default"],
  ["shop", "shop"],
])("context %j: namespace %s", (context, namespace) => {
  const contexts = [
    { name: "prod", context: { cluster: "shop", user: "ann" } },
    { name: "shop", context: { cluster: "shop", user: "ann", namespace: "shop" } },
  ];
  const kubeconfig = write("namespaces", config("a", { contexts }));
  expect(contextNamespace({ kubeconfig, ...(context === undefined ? {} : { context }) })).toBe(namespace);
});
