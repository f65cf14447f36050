import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { bundleFunctions } from "../bundle.ts";
import { run } from "../setup/command.ts";

const project = join(import.meta.dirname, "../..");
const serverless = join(
  dirname(createRequire(import.meta.url).resolve("serverless/package.json")),
  "bin/serverless.js",
);

/** A CloudFormation template, as far as it is read here. */
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

export interface PackageOptions {
  readonly stage: string;
  readonly region: string;
  /** Of serverless.yml, by name. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Without credentials and without a network: every endpoint is one that nobody listens on. */
const offline = {
  AWS_ENDPOINT_URL: "http://127.0.0.1:1",
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
  SLS_NOTIFICATIONS_MODE: "off",
  SLS_TELEMETRY_DISABLED: "1",
};

/**
 * `serverless package`, beside a copy of serverless.yml: what Serverless writes lands in `directory`, which is emptied first.
 *
 * @returns the template's path and content
 */
export async function packageStack(
  directory: string,
  { stage, region, parameters }: PackageOptions,
): Promise<{ readonly path: string; readonly template: Template }> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await copyFile(join(project, "serverless.yml"), join(directory, "serverless.yml"));
  await bundleFunctions(join(directory, "dist"));
  const given = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  await run([process.execPath, serverless, "package", "--stage", stage, "--region", region, ...given], {
    cwd: directory,
    env: { PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`, HOME: directory, ...offline },
    timeoutMs: 120_000,
  });
  const path = join(directory, ".serverless/cloudformation-template-update-stack.json");
  return { path, template: JSON.parse(await readFile(path, "utf8")) as Template };
}
