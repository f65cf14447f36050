import { describe, expect, test } from "vitest";
import { forwarderDeployment } from "#deploy/forwarder.ts";
import { guards } from "#deploy/guards.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { ServerClock } from "#lib/kube/lease.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { readSurvey } from "#lib/kube/survey-reader.ts";
import { labels, meshPlace } from "#lib/mesh/names.ts";
import { surveyFindings } from "#lib/rollout/drift/survey-findings.ts";

const { always, strict, forwarder } = guards(meshPlace);
const created = "2026-11-01T12:00:00Z";
const deployment = forwarderDeployment(defaults, { eventBusName: "b", clusterName: "c", region: "r" });
const dated = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, creationTimestamp: created },
});
const lease: KubeObject = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "osm-forwarder", namespace: "osm-system" },
  spec: { renewTime: "2026-11-01T12:59:50.000000Z" },
};
const nowMs = Date.parse("2026-11-01T13:00:00Z");

interface Server {
  readonly objects?: readonly KubeObject[];
  /** Paths, and what it answers instead. */
  readonly answers?: Readonly<Record<string, number>>;
  /** Kinds that it does not know, by their plural. */
  readonly unserved?: readonly string[];
  readonly lists?: Readonly<Record<string, readonly object[]>>;
}

function serving({ objects = [...always, meshInjection(defaults)], answers = {}, unserved = [], lists = {} }: Server) {
  const asked: string[] = [];
  const byPath = new Map(objects.map((object) => [objectPath(object), object]));
  const connection: KubeConnection = {
    server: "https://api",
    async send({ path }) {
      asked.push(path);
      const respond = (status: number, body: object) => ({ status, text: JSON.stringify(body), serverTimeMs: nowMs });
      const code = answers[path];
      if (code !== undefined) return respond(code, { message: `answered ${code}` });
      const items = lists[path] ?? (/^\/api\/v1\/(pods|namespaces)$/.test(path) ? [] : undefined);
      if (items) return respond(200, { items });
      const object = byPath.get(path);
      if (object) return respond(200, object);
      const isServed = !unserved.some((plural) => path.includes(`/${plural}/`));
      return respond(404, { message: "not found", details: isServed ? { name: path.split("/").at(-1) } : {} });
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
  return { connection, asked };
}

async function surveyed(server: Server) {
  const { connection, asked } = serving(server);
  const survey = await readSurvey(connection, meshPlace, new ServerClock(), { guards });
  return { survey, asked, findings: surveyFindings(survey).map(({ object, field }) => `${object} ${field}`.trim()) };
}
const objects = [...always, meshInjection(defaults)];

test("as it was installed: one list of pods, one of namespaces, every guard once by its name", async () => {
  const { survey, asked, findings } = await surveyed({});
  expect(findings).toEqual([]);
  expect(survey.unread).toEqual([]);
  const named = [...always, ...strict, ...forwarder, meshInjection(defaults), deployment, lease].map(objectPath);
  expect(asked.toSorted()).toEqual([...named, "/api/v1/pods", "/api/v1/namespaces"].toSorted());
});

test("another image than this version's own is no difference", async () => {
  const sidecar = "registry.example.com/osm-egress/sidecar:0.0.9";
  const parameters = { ...defaults, images: { ...defaults.images, sidecar } };
  const { survey, findings } = await surveyed({
    objects: [...guards(meshPlace, sidecar).always, meshInjection(parameters)],
  });
  expect(survey.image.wanted).toBe(sidecar);
  expect(findings).toEqual([]);
});

test("every guard that is missing is named", async () => {
  const names = always.map(({ kind, metadata: { name, namespace } }) =>
    namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`,
  );
  expect((await surveyed({ objects: [] })).findings).toEqual(names);
});

describe("an API server that does not serve", () => {
  const isInjecting = ({ kind }: KubeObject) => kind.startsWith("MutatingAdmissionPolicy");
  const installed = [...guards(meshPlace, undefined, false).always, meshInjection(defaults)];
  const rest = installed.filter((one) => !isInjecting(one));

  test("what injects has it missing and in order", async () => {
    const unserved = ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"];
    const { survey, findings } = await surveyed({ objects: rest, unserved });
    expect(findings).toEqual([]);
    expect(survey.injects).toBe(false);
  });

  test("only the one or the other: nobody injects there either", async () => {
    const unserved = ["mutatingadmissionpolicybindings"];
    const { survey, findings } = await surveyed({ objects: rest, unserved });
    expect(findings).toEqual(["MutatingAdmissionPolicy osm-sidecar-injection"]);
    expect(survey.injects).toBe(false);
  });

  test("other policies has lost them", async () => {
    const kept = objects.filter(({ kind }) => kind !== "ValidatingAdmissionPolicy");
    const { survey, findings } = await surveyed({ objects: kept, unserved: ["validatingadmissionpolicies"] });
    expect(findings).toEqual(
      always
        .filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
        .map(({ metadata }) => `ValidatingAdmissionPolicy ${metadata.name}`),
    );
    expect(survey.injects).toBe(true);
  });

  test("nothing that may not be looked at counts for unserved", async () => {
    const policy = always.find(isInjecting) as KubeObject;
    expect((await surveyed({ answers: { [objectPath(policy)]: 403 } })).survey.injects).toBe(true);
  });
});

describe("strict mode", () => {
  test("that is on is looked at", async () => {
    expect((await surveyed({ objects: [...objects, ...strict] })).findings).toEqual([]);
    const [policy] = strict as [KubeObject];
    const half = await surveyed({ objects: [...objects, policy] });
    expect(half.findings).toEqual(["ValidatingAdmissionPolicyBinding osm-strict"]);
    expect(surveyFindings(half.survey)[0]?.repair).toBe("osm install --strict");
  });
});

describe("the forwarder", () => {
  test("its rights must be there while its Deployment is", async () => {
    const { survey, findings } = await surveyed({ objects: [...objects, dated(deployment), lease] });
    expect(findings).toEqual([
      "ClusterRole osm-forwarder",
      "ClusterRoleBinding osm-forwarder",
      "Role osm-system/osm-forwarder",
      "RoleBinding osm-system/osm-forwarder",
    ]);
    // By the API server's clock, which has gone on a little since it was learnt.
    expect(survey.forwarderSilentMs).toBeGreaterThanOrEqual(10_000);
    expect(survey.forwarderSilentMs).toBeLessThan(60_000);
  });

  test("what is left of an earlier one must be right where it is there", async () => {
    const [role] = forwarder as [KubeObject];
    const { survey, findings } = await surveyed({ objects: [...objects, { ...role, rules: [] }, lease] });
    expect(findings).toEqual(["ClusterRole osm-forwarder rules[0]"]);
    expect(survey.forwarderSilentMs).toBeUndefined();
  });

  test("without a Lease it is silent since it was deployed", async () => {
    const { findings } = await surveyed({ objects: [...objects, ...forwarder, dated(deployment)] });
    expect(findings).toEqual(["Lease osm-system/osm-forwarder spec.renewTime"]);
  });

  test("nothing is said of it where its Lease cannot be read", async () => {
    const { survey, findings } = await surveyed({
      objects: [...objects, ...forwarder, dated(deployment)],
      answers: { [objectPath(lease)]: 403 },
    });
    expect(survey.forwarder).toBeUndefined();
    expect(findings).toEqual(["Lease osm-system/osm-forwarder"]);
  });
});

describe("what cannot be read", () => {
  const pods = "/api/v1/pods";

  test("is a finding, and the rest is looked at", async () => {
    const [, , role] = always as [KubeObject, KubeObject, KubeObject];
    const policy = always.find(({ kind }) => kind === "MutatingAdmissionPolicy") as KubeObject;
    const { survey, findings } = await surveyed({
      objects: objects.filter((one) => one !== policy),
      answers: { [objectPath(role)]: 403, [pods]: 403 },
    });
    expect(findings).toEqual(["ClusterRole osm-reconciler, pods", "MutatingAdmissionPolicy osm-sidecar-injection"]);
    expect(surveyFindings(survey)[0]).toMatchObject({
      found: expect.stringContaining("could not be looked at: [api-forbidden] GET"),
      repair: "osm install",
    });
  });

  test("because the API server is not well is looked at again", async () => {
    const { survey } = await surveyed({ answers: { [pods]: 500 } });
    expect(surveyFindings(survey)).toMatchObject([{ object: "pods", repair: "osm reconcile" }]);
  });
});

test("pods by their namespaces; one that is being deleted does not count", async () => {
  const namespace = (name: string, metadata: object = {}) => ({
    metadata: {
      name,
      labels: { [labels.monitoredBy]: "osm" },
      annotations: { "openservicemesh.io/sidecar-injection": "enabled" },
      ...metadata,
    },
  });
  const pod = (where: string) => ({
    metadata: { namespace: where, name: "web", creationTimestamp: created },
    spec: {},
  });
  const { findings } = await surveyed({
    lists: {
      "/api/v1/namespaces": [namespace("shop"), namespace("going", { deletionTimestamp: created })],
      "/api/v1/pods": ["shop", "going", "other"].map(pod),
    },
  });
  expect(findings).toEqual(["Pod shop/web spec.initContainers"]);
});
