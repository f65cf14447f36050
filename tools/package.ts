/**
 * Builds what `serverless deploy` would send, and checks it, without an account and without a network.
 *
 *   node tools/package.ts [--stage prod] [--region eu-central-1] [--param name=value]…
 */
import { join, relative } from "node:path";
import { Command } from "commander";
import { diagnosticsOf } from "./package/diagnostics.ts";
import { faultsOf } from "./package/faults.ts";
import { packageStack } from "./package/template.ts";

const directory = join(import.meta.dirname, "../dist/package");

await new Command("package")
  .description("Build the stack's template and bundles, and check them offline")
  .option("--stage <name>", "the deployment's stage", "prod")
  .option("--region <region>", "AWS region", "eu-central-1")
  .option("--param <name=value...>", "parameters of serverless.yml", ["cluster=shop"])
  .action(async (options: { readonly stage: string; readonly region: string; readonly param: readonly string[] }) => {
    const { stage, region, param } = options;
    const parameters = Object.fromEntries(param.map((one) => one.split(/=(.*)/s, 2) as [string, string]));
    const { path, template } = await packageStack(directory, { stage, region, parameters });
    const problems = [...diagnosticsOf(path), ...faultsOf(template)];
    for (const problem of problems) console.error(problem);
    console.log(`${relative(process.cwd(), path)}: ${Object.keys(template.Resources).length} resources`);
    console.log(problems.length === 0 ? "nothing to find fault with" : `${problems.length} problems`);
    if (problems.length > 0) process.exitCode = 1;
  })
  .parseAsync();
