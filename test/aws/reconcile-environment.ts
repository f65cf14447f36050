/** What the reconcile function must have in its environment beside region, bus and queues, for its stack's own cluster. */
export const reconcileEnvironment = {
  OSM_VISIBILITY_SECONDS: "75",
  OSM_LEASE_SECONDS: "20",
  OSM_DEADLINE_SECONDS: "30",
  OSM_CLUSTER_NAME: "shop",
  OSM_ACCOUNT_ID: "111122223333",
  OSM_FLEET_ROLES: "",
  OSM_CLUSTER_ROLES: "",
  OSM_SUBNET_IDS: "",
};
