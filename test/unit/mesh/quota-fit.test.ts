import { expect, test } from "vitest";
import { injectionDefaults } from "#lib/mesh/injection.ts";
import { type Quota, quotaProblems } from "#lib/mesh/quota-fit.ts";

const sizes = injectionDefaults.sidecarResources;

function quota(hard: Quota["hard"], used: Quota["used"] = {}, scopes?: Quota["scopes"]): Quota {
  return { name: "team", hard, used, ...(scopes ? { scopes } : {}) };
}

test.each<[what: string, quota: Quota, pods: number, problems: readonly string[]]>([
  [
    "of limits that three sidecars pass",
    quota({ "limits.memory": "2Gi" }, { "limits.memory": "1300Mi" }),
    3,
    [
      "ResourceQuota team: limits.memory: 1300Mi of 2Gi are used, and the sidecars of 3 pods will want 256Mi each: raise it before you restart them",
    ],
  ],
  ["that three sidecars fill", quota({ "limits.memory": "2Gi" }, { "limits.memory": "1280Mi" }), 3, []],
  [
    "that is used up, where no pod runs",
    quota({ "requests.cpu": "1" }, { "requests.cpu": "960m" }),
    0,
    [
      "ResourceQuota team: requests.cpu: 960m of 1 are used, and the sidecar of one pod will want 50m: raise it before you restart them",
    ],
  ],
  ["that nobody has counted yet", quota({ "limits.cpu": "400m" }), 0, [expect.stringContaining("0 of 400m are used")]],
  [
    "by the old names",
    quota({ cpu: "40m", memory: "90Mi" }),
    1,
    [expect.stringContaining("cpu"), expect.stringContaining("memory")],
  ],
  ["of memory requests", quota({ "requests.memory": "190Mi" }), 2, [expect.stringContaining("want 96Mi each")]],
  ["of other things", quota({ pods: "0", "requests.storage": "0", "count/jobs.batch": "0" }), 5, []],
  ["of pods that are not the usual ones", quota({ "limits.memory": "1Mi" }, {}, ["Terminating"]), 5, []],
  [
    "of the usual ones",
    quota({ "limits.memory": "1Mi" }, {}, ["NotTerminating", "NotBestEffort"]),
    5,
    [expect.stringContaining("limits.memory")],
  ],
])("a quota %s", (_, one, pods, problems) => {
  expect(quotaProblems([one], sizes, pods)).toEqual(problems);
});
