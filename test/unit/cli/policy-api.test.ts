import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { meshInjectionDefinition } from "#deploy/crds/mesh-injection.ts";
import { defaults } from "#deploy/parameters.ts";
import { waitPolicyInForce, waitServed } from "#lib/cli/install-checks.ts";
import { checkPolicyApi, injectsSince, servesInjection } from "#lib/cli/policy-api.ts";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import { failed, type StandInApiServer, startStandInApiServer } from "#test/aws/stand-in-api-server.ts";

/** Old API servers are not to be had here: this one says that it is one, and serves what that version served. */
let api: StandInApiServer;

beforeAll(async () => {
  api = await startStandInApiServer();
});
afterAll(() => api.close());

const connect = () => {
  const caData = Buffer.from(api.ca).toString("base64");
  return openTokenConnection({ server: api.endpoint, caData, token: async () => "token" });
};

/** @param resources  of admissionregistration.k8s.io/v1; undefined: the whole group is off */
function serve(gitVersion: string, resources: readonly string[] | undefined): void {
  api.answer(({ path }) => {
    if (path === "/version") return { status: 200, body: { gitVersion } };
    if (path !== "/apis/admissionregistration.k8s.io/v1" || !resources) return failed(404, "not found");
    return { status: 200, body: { kind: "APIResourceList", resources: resources.map((name) => ({ name })) } };
  });
}

const webhooks = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
const validating = [...webhooks, "validatingadmissionpolicies", "validatingadmissionpolicybindings"];
const all = [...validating, "mutatingadmissionpolicies", "mutatingadmissionpolicybindings"];

test.each([
  ["v1.36.0", all],
  ["v1.38.2-eks-1234567", all],
  // A distribution may have it on before.
  ["v1.35.1", all],
])("%s with both is taken", async (version, resources) => {
  serve(version, resources);
  expect(await checkPolicyApi(connect())).toEqual({ gitVersion: version });
  expect(await servesInjection(connect())).toBe(true);
});

test.each([
  ["v1.35.4-eks-a737599", "Kubernetes 1.36 is the first that does"],
  ["v1.31.0", "Kubernetes 1.36 is the first that does"],
  ["v1.36.1", "though its version could: it is switched off"],
  ["main", "though its version could: it is switched off"],
])("%s without policies that inject is taken, with the reason", async (version, why) => {
  serve(version, validating);
  const { gitVersion, notInjecting } = await checkPolicyApi(connect());
  expect(gitVersion).toBe(version);
  expect(notInjecting).toMatch(/^the API server \(.*\) serves no MutatingAdmissionPolicy in admissionregistration/);
  expect(notInjecting).toContain(why);
  expect(await servesInjection(connect())).toBe(false);
});

const refused: readonly (readonly [string, string, readonly string[] | undefined, string, RegExp])[] = [
  [
    "older than 1.31",
    "v1.30.14",
    validating,
    "the API server (v1.30.14) takes no ip() and cidr() in new policies: Kubernetes 1.31 is the first that does, and nothing would keep a pod's exclusions out of the mesh",
    /^upgrade the control plane \(EKS: aws eks update-cluster-version[^,]+\)$/,
  ],
  [
    "older than 1.30",
    "v1.29.15",
    webhooks,
    "the API server (v1.29.15) serves no ValidatingAdmissionPolicy in admissionregistration.k8s.io/v1: Kubernetes 1.30 is the first that does, and nothing would refuse a bad value, or keep anybody out of the sidecars",
    /^upgrade the control plane \(EKS: aws eks update-cluster-version[^,]+\)$/,
  ],
  [
    "without the API",
    "v1.36.1",
    undefined,
    "the API server (v1.36.1) serves no ValidatingAdmissionPolicy in admissionregistration.k8s.io/v1, though its version could: it is switched off, and nothing would refuse a bad value, or keep anybody out of the sidecars",
    /--runtime-config, and for ValidatingAdmissionPolicy in its --feature-gates; .*kubectl api-resources --api-group=/,
  ],
  [
    "of a version that cannot be read",
    "main",
    webhooks,
    "the API server (main) serves no ValidatingAdmissionPolicy in admissionregistration.k8s.io/v1, though its version could: it is switched off, and nothing would refuse a bad value, or keep anybody out of the sidecars",
    /kubectl api-resources/,
  ],
];
test.each(refused)("one %s is refused", async (_, version, resources, message, remedy) => {
  serve(version, resources);
  await expect(checkPolicyApi(connect())).rejects.toMatchObject({ message, remedy: expect.stringMatching(remedy) });
});

test.each([
  ["1.31", false],
  ["v1.35.4-eks-a737599", false],
  ["1.36", true],
  ["v1.40.0", true],
  ["1.100", true],
])("of a cluster named by its version, %s: injects %j", (version, injects) => {
  expect(injectsSince(version)).toBe(injects);
});

test.each([
  ["1.29", "the API server (1.29) serves no ValidatingAdmissionPolicy"],
  ["v1.30.9", "the API server (v1.30.9) takes no ip() and cidr() in new policies"],
  ["2.0", "--kube-version 2.0: not a version of Kubernetes 1"],
  ["1.3x", "--kube-version 1.3x: not a version of Kubernetes 1"],
  ["", "--kube-version : not a version of Kubernetes 1"],
])("of a cluster named by its version, %j is refused", (version, message) => {
  expect(() => injectsSince(version)).toThrow(message);
});

test("what is no API server is called that", async () => {
  api.answer(() => ({ status: 200, body: { hello: "world" } }));
  await expect(checkPolicyApi(connect())).rejects.toMatchObject({
    message: `what answers at ${api.endpoint} is no Kubernetes API server`,
    remedy: expect.stringContaining("kubectl cluster-info"),
  });
});

test("a policy that is stored and never comes into force: the flag that does that is named", async () => {
  api.answer(() => ({ status: 201, body: {} }));
  await expect(waitPolicyInForce(connect(), defaults, 300)).rejects.toMatchObject({
    message: "not within 0.3 s: the policy on osm-config refuses what is not a boolean",
    remedy: expect.stringContaining("--disable-admission-plugins"),
  });
});

describe("a definition", () => {
  const definition = meshInjectionDefinition(defaults);
  const { group, names } = definition["spec"] as {
    readonly group: string;
    readonly names: { readonly plural: string };
  };
  const established = { ...definition, status: { conditions: [{ type: "Established", status: "True" }] } };
  const listing = (resource: string) => ({
    items: [{ metadata: { name: group }, versions: [{ resources: [{ resource }] }] }],
  });

  /** @param answers  of discovery, each once, the last from then on. @returns how often discovery was asked */
  async function asked(answers: readonly object[]): Promise<number> {
    let count = 0;
    // Right after its creation it has no conditions yet.
    const definitions = [{ ...definition, status: { conditions: null } }];
    api.answer(({ path }) => {
      if (path !== "/apis") return { status: 200, body: definitions.shift() ?? established };
      const body = answers[Math.min(count++, answers.length - 1)];
      return { status: 200, body: body ?? {} };
    });
    await waitServed(connect(), [definition]);
    return count;
  }

  test("is waited for until discovery lists its kind, where admission looks for a policy's parameter", async () => {
    expect(await asked([{ items: [] }, listing("others"), listing(names.plural)])).toBe(3);
  });

  test("counts as served once it is established where discovery comes in the older form", async () => {
    expect(await asked([{ groups: [] }])).toBe(1);
  });
});
