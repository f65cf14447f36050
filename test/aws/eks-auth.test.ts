import { afterAll, beforeAll, expect, test } from "vitest";
import { eksToken } from "#lib/aws/eks-token.ts";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import { reconcilersGroup } from "#lib/mesh/names.ts";
import { completeJsonLines } from "#test/cluster/complete-lines.ts";
import { startControlPlane } from "#test/cluster/control-plane.ts";
import { startWorld, type World } from "#test/cluster/world.ts";
import { eventually } from "#test/eventually.ts";
import { ensureKubernetesBinary } from "../../tools/setup/kubernetes-binary.ts";
import { type AwsSide, planAwsSide, startAwsSide } from "./aws-side.ts";
import { accountId, region } from "./eks-record.ts";
import type { Credentials } from "./emulator.ts";
import { createStranger, registerReconciler } from "./identities.ts";
import { putEvent } from "./put-event.ts";

let world: World;
let aws: AwsSide;

beforeAll(async () => {
  world = await startWorld();
  const { url: endpoint, ca } = world.apiServer;
  const plan = await planAwsSide(world, { name: "shop", endpoint, ca });
  [aws] = await Promise.all([
    startAwsSide(plan),
    ensureKubernetesBinary().then((binary) => startControlPlane(world, binary, plan)),
  ]);
  await registerReconciler(aws.endpoint, "shop", `arn:aws:iam::${accountId}:user/operator`);
  await eventually("the API server", () => send("", "GET", "/readyz"), { withinMs: 30_000, everyMs: 200 });
});

afterAll(async () => {
  await world?.stop();
});

function send(token: string, method: "GET" | "POST", path: string, body?: object) {
  const caData = Buffer.from(world.apiServer.ca).toString("base64");
  const connection = openTokenConnection({ server: world.apiServer.url, caData, token: async () => token });
  return connection.send({ method, path, ...(body === undefined ? {} : { body }) });
}

/** Who the API server takes the bearer for. */
function whoAmI(token: string) {
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  return send(token, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review);
}

const minutes = (count: number): Date => new Date(Date.now() + count * 60_000);
const tokenOf = (credentials: Credentials, cluster = "shop", signedAt = minutes(0)): Promise<string> =>
  eksToken(cluster, region, credentials, signedAt);

function altered(token: string, alter: (url: string) => string): string {
  const url = Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString();
  const other = alter(url);
  expect(other).not.toBe(url);
  return `k8s-aws-v1.${Buffer.from(other).toString("base64url")}`;
}

test("a token of ours makes its principal one of osm:reconcilers", async () => {
  const answer = await whoAmI(await tokenOf(aws.credentials.operator));
  expect(answer.status, answer.text).toBe(201);
  expect(JSON.parse(answer.text)).toMatchObject({
    status: {
      userInfo: {
        username: `arn:aws:iam::${accountId}:user/operator`,
        groups: expect.arrayContaining([reconcilersGroup, "system:authenticated"]),
      },
    },
  });
});

test("the group alone may do nothing", async () => {
  const token = await tokenOf(aws.credentials.operator);
  expect((await send(token, "GET", "/api/v1/namespaces/default/configmaps")).status).toBe(403);
});

test.each<[string, () => Promise<string>]>([
  ["for another cluster", () => tokenOf(aws.credentials.operator, "shop2")],
  ["of an identity without an access entry", () => tokenOf(aws.credentials.forwarder)],
  ["of a user without any right", async () => tokenOf(await createStranger(aws.endpoint, "stranger"))],
  ["with another secret", () => tokenOf({ ...aws.credentials.operator, secretAccessKey: "guessed" })],
  ["of a key that is none", () => tokenOf({ accessKeyId: "AKIAAAAAAAAAAAAAAAAA", secretAccessKey: "guessed" })],
  ["of 16 minutes ago", () => tokenOf(aws.credentials.operator, "shop", minutes(-16))],
  [
    "with one digit of its signature changed",
    async () =>
      altered(await tokenOf(aws.credentials.operator), (url) =>
        url.replace(/(Signature=)([0-9a-f])/, (_, name: string, digit: string) => name + (digit === "0" ? "1" : "0")),
      ),
  ],
  [
    "made younger",
    async () =>
      altered(await tokenOf(aws.credentials.operator, "shop", minutes(-16)), (url) =>
        url.replace(
          /X-Amz-Date=\w+/,
          `X-Amz-Date=${minutes(0)
            .toISOString()
            .replace(/[-:]|\.\d+/g, "")}`,
        ),
      ),
  ],
  [
    "sent to another host",
    async () => altered(await tokenOf(aws.credentials.operator), (url) => url.replace("sts.eu", "sts.evil.eu")),
  ],
  ["that is none", async () => "k8s-aws-v1.bm90aGluZw"],
])("a token %s is refused", async (_, token) => {
  expect((await whoAmI(await token())).status).toBe(401);
});

test("the function itself comes as its role, in osm:reconcilers", async () => {
  await putEvent(aws, aws.credentials.operator, "a.person", "Egress Reconcile Requested", { cluster: "shop" });
  const seen = async (): Promise<AuditEvent | undefined> => {
    const events = (await completeJsonLines(world.auditLogPath)) as readonly AuditEvent[];
    return events.find(({ user }) => user?.username?.includes("osm-egress-test-reconcile"));
  };
  expect((await eventually("a request of the function", seen, { withinMs: 30_000, everyMs: 200 })).user).toMatchObject({
    username: `arn:aws:sts::${accountId}:assumed-role/osm-egress-test-reconcile/osm-egress-test-reconcile`,
    groups: expect.arrayContaining([reconcilersGroup]),
  });
});

interface AuditEvent {
  readonly user?: { readonly username?: string; readonly groups?: readonly string[] };
}
