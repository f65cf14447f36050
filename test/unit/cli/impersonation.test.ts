import { expect, test } from "vitest";
import { explainImpersonation } from "#lib/cli/cluster-options.ts";
import { CommandError } from "#lib/cli/failure.ts";
import { EgressError } from "#lib/errors.ts";

const refused = new EgressError(
  "api-forbidden",
  'GET /api/v1/namespaces: 403 users "osm-cli" is forbidden: User "ann" cannot impersonate resource "users"',
);

test("the remedy grants one group and one user, never all of them", () => {
  const explained = explainImpersonation(refused);
  expect(explained).toBeInstanceOf(CommandError);
  const { remedy, cause } = explained as CommandError;
  expect(cause).toBe(refused);
  expect(remedy.split("\n").map((line) => line.trim())).toEqual([
    expect.any(String),
    "kubectl create clusterrole osm-act-as-reconciler --verb=impersonate --resource=groups,users --resource-name=osm:reconcilers --resource-name=osm-cli",
    "kubectl create clusterrolebinding osm-act-as-reconciler --clusterrole=osm-act-as-reconciler --user=YOU",
  ]);
});

test.each([
  new EgressError("api-forbidden", "PATCH ConfigMap: 403 denied by a policy"),
  new EgressError("api-unavailable", "GET impersonate: no answer"),
  new TypeError("impersonate"),
])("%s stays as it is", (error) => {
  expect(explainImpersonation(error)).toBe(error);
});
