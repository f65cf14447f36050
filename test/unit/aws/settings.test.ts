import { expect, test } from "vitest";
import { checkDriftSettings, reconcileSettings } from "#lib/aws/settings.ts";

const env = {
  AWS_REGION: "eu-central-1",
  OSM_EVENT_BUS_NAME: "osm-egress-test",
  OSM_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/1/q",
  OSM_DEAD_LETTER_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/1/d",
  OSM_VISIBILITY_SECONDS: "75",
};

test("a whole environment is read", () => {
  expect(reconcileSettings(env)).toEqual({
    region: "eu-central-1",
    busName: "osm-egress-test",
    queueUrl: env.OSM_QUEUE_URL,
    deadLetterUrl: env.OSM_DEAD_LETTER_QUEUE_URL,
    visibilitySeconds: 75,
  });
  expect(checkDriftSettings({ OSM_EVENT_BUS_NAME: "b", OSM_CLUSTER_NAME: "shop" })).toEqual({
    busName: "b",
    cluster: "shop",
  });
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

test("no cluster, no drift checks", () => {
  expect(() => checkDriftSettings({ OSM_EVENT_BUS_NAME: "b", OSM_CLUSTER_NAME: "" })).toThrow(/OSM_CLUSTER_NAME/);
});
