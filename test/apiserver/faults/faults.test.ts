import { afterAll, beforeAll } from "vitest";
import { apiFaults } from "./api-faults.ts";
import { awsFaults } from "./aws-faults.ts";
import { awsForwarder } from "./aws-forwarder.ts";
import { clockSkew } from "./clock-skew.ts";
import { credentials } from "./credentials.ts";
import { deliveries } from "./deliveries.ts";
import { faultPairs } from "./fault-pairs.ts";
import { forwarderKilled } from "./forwarder-killed.ts";
import { namedSteps } from "./named-steps.ts";
import { type Rig, startRig } from "./rig.ts";
import { serverRestarted } from "./server-restarted.ts";

// A server of its own: it is restarted here, and reaches pods by a way that the others have no use for.
let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

apiFaults(() => rig);
awsFaults(() => rig);
awsForwarder(() => rig);
faultPairs(() => rig);
credentials(() => rig);
clockSkew(() => rig);
deliveries(() => rig);
namedSteps(() => rig);
forwarderKilled(() => rig);
serverRestarted(() => rig);
