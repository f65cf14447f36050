import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { request } from "undici";
import { eventually } from "#test/eventually.ts";
import { ensureMinistack } from "../../tools/setup/ministack.ts";
import { region } from "./eks-record.ts";
import type { Place, Running } from "./place.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The account's root, for what an administrator does once; nothing of the product ever has it. */
export const root: Credentials = { accessKeyId: "test", secretAccessKey: "test" };

/**
 * Runs it so that an invocation's last lines are in its own log: it stops reading them when none has come for 5 ms, and what
 * one of its threads is later with is shown only when the same process runs the function again, which may be never.
 */
const patientOfLogs = `
from ministack.core.lambda_runtime import Worker
Worker._drain_stderr_bounded.__defaults__ = (0.05, 0.025, 1.0)
from ministack.app import main
main()
`;

export interface EmulatorOptions {
  /** Keeps every call of an AWS API, for `recordedCalls`. */
  readonly recording?: boolean;
}

/**
 * Starts ministack with its IAM switched on, and waits until it answers.
 *
 * Its environment is what is listed here and nothing of this process: the functions inherit it.
 */
export async function startEmulator(
  place: Place,
  port: number,
  stateDirectory: string,
  { recording = false }: EmulatorOptions = {},
): Promise<Running> {
  const python = await ensureMinistack();
  const temporary = join(stateDirectory, "tmp");
  await mkdir(temporary, { recursive: true });
  const environment = {
    AUTH: "true",
    PERSIST_STATE: "1",
    STATE_DIR: stateDirectory,
    S3_DATA_DIR: join(stateDirectory, "s3"),
    TMPDIR: temporary,
    HOME: temporary,
    BIND_HOST: place.address,
    GATEWAY_PORT: String(port),
    MINISTACK_HOST: place.address,
    MINISTACK_REGION: region,
    AWS_ENDPOINT_URL: `http://${place.address}:${port}`,
    AWS_ACCESS_KEY_ID: root.accessKeyId,
    AWS_SECRET_ACCESS_KEY: root.secretAccessKey,
    // It runs the functions with the first `node` that it finds: this one.
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    PYTHONDONTWRITEBYTECODE: "1",
    CLOUDTRAIL_RECORDING: recording ? "1" : "0",
  };
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const emulator = await place.spawn("ministack", ["env", "-i", ...assignments, python, "-c", patientOfLogs], {
    cwd: stateDirectory,
  });
  await untilReady(`http://${place.address}:${port}/_ministack/health`, emulator);
  return emulator;
}

async function untilReady(url: string, emulator: Running): Promise<void> {
  const isReady = async () => {
    const { statusCode, body } = await request(url);
    await body.dump();
    return statusCode === 200;
  };
  await eventually("ministack is ready", isReady, {
    withinMs: 120_000,
    everyMs: 100,
    unless: () => emulator.exited,
    tell: async () => (await readFile(emulator.logPath, "utf8")).split("\n").slice(-15).join("\n"),
  });
}
