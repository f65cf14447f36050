import { annotations } from "#lib/mesh/names.ts";
import { sites } from "#test/cluster/outside/sites.ts";
import { commanding, creating } from "./attempts.ts";
import { app, plain, shop, shopPod } from "./ground.ts";
import type { Family, Refused } from "./ways.ts";

const lacks = "lacks verb exempt";
const byVerb = "Policy `osm-exempt`: it takes the verb `exempt`, which `edit` has not";
const disabled = { [annotations.injection]: "disabled" };
const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "made-up", uid: "0", controller: true };

function annotated(way: string, more: Readonly<Record<string, string>>): Refused {
  return creating(way, shopPod("annotated", {}, more), lacks, byVerb);
}

export const annotationFamily: Family = {
  title: "Annotations that weaken the capture",
  attacks: [
    annotated("Injection refused by the pod's own annotation", disabled),
    annotated("UDP let out", { [annotations.allowUdp]: "true" }),
    annotated("An outside range excluded", { [annotations.excludedRanges]: `${sites.tcp.address}/32` }),
    annotated("A port excluded", { [annotations.excludedPorts]: String(sites.tcp.port) }),
    creating(
      "The same in the template of a Deployment, whose pods a controller creates",
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "annotated", namespace: shop },
        spec: {
          selector: { matchLabels: { app: "annotated" } },
          template: {
            metadata: { labels: { app: "annotated" }, annotations: disabled },
            spec: { containers: [app()] },
          },
        },
      },
      lacks,
      byVerb,
    ),
    creating(
      "The same in the template of a CronJob",
      {
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name: "annotated", namespace: shop },
        spec: {
          schedule: "@daily",
          jobTemplate: {
            spec: {
              template: { metadata: { annotations: disabled }, spec: { restartPolicy: "Never", containers: [app()] } },
            },
          },
        },
      },
      lacks,
      byVerb,
    ),
    creating(
      "A pod that says that a ReplicaSet owns it",
      {
        ...shopPod("annotated"),
        metadata: { name: "annotated", namespace: shop, annotations: disabled, ownerReferences: [owner] },
      },
      lacks,
      byVerb,
    ),
    commanding(
      "The annotation on a pod that runs",
      ["annotate", "pod", plain, "--overwrite", `${annotations.injection}=disabled`],
      lacks,
      byVerb,
    ),
    commanding(
      "A pod created in the name of the controller",
      ["run", "annotated", "--image=x", "--as=system:serviceaccount:kube-system:replicaset-controller"],
      'cannot impersonate resource "serviceaccounts"',
      "RBAC: `edit` may impersonate the service accounts of its namespace and nobody else",
    ),
  ],
};
