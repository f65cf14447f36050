import { randomUUID } from "node:crypto";
import {
  CreateScheduleCommand,
  GetScheduleCommand,
  SchedulerClient,
  UpdateScheduleCommand,
} from "@aws-sdk/client-scheduler";
import type { AwsSide } from "./aws-side.ts";

/** As an operator pauses it: everything about it stays but its state. */
export async function setDriftSchedule(aws: AwsSide, state: "ENABLED" | "DISABLED"): Promise<void> {
  const { endpoint, region, credentials, busName } = aws;
  const client = new SchedulerClient({ endpoint, region, credentials: credentials.root });
  const Name = `${busName}-check-drift`;
  const { ScheduleExpression, FlexibleTimeWindow, Target } = await client.send(new GetScheduleCommand({ Name }));
  await client.send(new UpdateScheduleCommand({ Name, ScheduleExpression, FlexibleTimeWindow, Target, State: state }));
  client.destroy();
}

/** One check more, by a schedule of its own with the same target; the emulator looks every ten seconds. */
export async function scheduleDriftCheck(aws: AwsSide): Promise<void> {
  const { endpoint, region, credentials, busName } = aws;
  const client = new SchedulerClient({ endpoint, region, credentials: credentials.root });
  const { Target } = await client.send(new GetScheduleCommand({ Name: `${busName}-check-drift` }));
  await client.send(
    new CreateScheduleCommand({
      Name: `once-${randomUUID()}`,
      ScheduleExpression: `at(${new Date().toISOString().slice(0, 19)})`,
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "DELETE",
      Target,
    }),
  );
  client.destroy();
}
