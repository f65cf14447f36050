import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { checkDriftSettings, reconcileSettings } from "#lib/aws/settings.ts";

const env = {
  AWS_REGION: "eu-central-1",
  OSM_EVENT_BUS_NAME: "osm-egress-test",
  OSM_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/1/q",
  OSM_DEAD_LETTER_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/1/d",
  OSM_VISIBILITY_SECONDS: "75",
  OSM_CLUSTER_NAME: "shop",
};

test("a whole environment is read", () => {
  expect(reconcileSettings(env)).toEqual({
    region: "eu-central-1",
    busName: "osm-egress-test",
    queueUrl: env.OSM_QUEUE_URL,
    deadLetterUrl: env.OSM_DEAD_LETTER_QUEUE_URL,
    visibilitySeconds: 75,
    ownClusters: ["shop"],
    place: { meshName: "osm", osmNamespace: "osm-system" },
  });
  const { region } = reconcileSettings(env);
  const drift = { AWS_REGION: region, OSM_EVENT_BUS_NAME: "b" };
  expect(checkDriftSettings({ ...drift, OSM_CLUSTER_NAME: "shop" })).toEqual({
    region,
    busName: "b",
    clusters: ["shop"],
  });
  expect(checkDriftSettings({ ...drift, OSM_CLUSTER_NAME: "" }).clusters).toEqual([]);
});

test("the mesh's place can be another than the usual one", () => {
  const elsewhere = { ...env, OSM_MESH_NAME: "second", OSM_NAMESPACE: "second-system" };
  expect(reconcileSettings(elsewhere).place).toEqual({ meshName: "second", osmNamespace: "second-system" });
});

test("the deployment's parameters say where, and default to the usual place", () => {
  const text = readFileSync(new URL("../../../serverless.yml", import.meta.url), "utf8");
  const service = parse(text, { logLevel: "silent" });
  expect(service.params.default).toMatchObject({ meshName: "osm", osmNamespace: "osm-system" });
  expect(service.functions.reconcile.environment).toMatchObject({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Serverless fills it in.
    OSM_MESH_NAME: "${param:meshName}",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Serverless fills it in.
    OSM_NAMESPACE: "${param:osmNamespace}",
  });
});

test.each(["OSM_MESH_NAME", "OSM_NAMESPACE"])("an empty %s is refused", (name) => {
  expect(() => reconcileSettings({ ...env, [name]: "" })).toThrow(name);
});

test("every fault is in one error", () => {
  const faulty = { ...env, AWS_REGION: "", OSM_QUEUE_URL: "q", OSM_VISIBILITY_SECONDS: "soon" };
  expect(() => reconcileSettings(faulty)).toThrow(
    /^\[settings-invalid\] environment: AWS_REGION: .+; OSM_QUEUE_URL: .+; OSM_VISIBILITY_SECONDS: .+$/,
  );
});

test.each(["0", "-1", "1.5", "43201", ""])("a visibility of %j is refused", (seconds) => {
  expect(() => reconcileSettings({ ...env, OSM_VISIBILITY_SECONDS: seconds })).toThrow(/OSM_VISIBILITY_SECONDS/);
});

test("a cluster's name that is none is refused", () => {
  const drift = { AWS_REGION: "eu-central-1", OSM_EVENT_BUS_NAME: "b", OSM_CLUSTER_NAME: "a.b" };
  expect(() => checkDriftSettings(drift)).toThrow(/^\[settings-invalid\] environment: OSM_CLUSTER_NAME/);
});
