import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fluxEvent, signature } from "#test/aws/webhook-call.ts";
import { isFull, runSeed } from "#test/counts.ts";
import { bundle } from "../../../tools/bundle.ts";
import { busierThan, maxCallsInAMinute } from "./at-rest.ts";
import { fleetCluster, secretIn } from "./aws-calls.ts";
import { type AwsCallName, first as firstCalls } from "./aws-fault.ts";
import { type AwsCase, awsCasesOf, tells } from "./aws-faults.ts";
import { type HandlerProcess, startHandler } from "./function-process.ts";
import { secretsIn } from "./secrets.ts";
import { type StandInAws, startStandInAws } from "./stand-in-aws.ts";

/** One of the functions beside the reconciler, and whoever calls it. */
interface SmallFunction {
  readonly name: "check-drift" | "gitops-webhook" | "forward-audit-log";
  readonly environment: NodeJS.ProcessEnv;
  /** Its calls to AWS. */
  readonly calls: readonly AwsCallName[];
  readonly event: () => object;
  /** Whoever calls takes it for done with. */
  readonly isDone: (result: unknown) => boolean;
  /** What must be told, as `detail type: cluster`, each at least once. */
  readonly told: readonly string[];
}

const flux = JSON.stringify(fluxEvent());
const audited = {
  messageType: "DATA_MESSAGE",
  logGroup: "/aws/eks/shop/cluster",
  logStream: "kube-apiserver-audit-1",
  logEvents: [
    {
      id: "0",
      timestamp: 0,
      message: JSON.stringify({
        kind: "Event",
        apiVersion: "audit.k8s.io/v1",
        level: "Metadata",
        auditID: randomUUID(),
        stage: "ResponseComplete",
        verb: "patch",
        user: { username: "alice" },
        objectRef: { resource: "configmaps", namespace: "osm-system", name: "osm-config", apiVersion: "v1" },
        responseStatus: { code: 200 },
        requestReceivedTimestamp: new Date().toISOString(),
      }),
    },
  ],
};

const functions: readonly SmallFunction[] = [
  {
    name: "check-drift",
    environment: { OSM_ACCOUNT_ID: "111122223333", OSM_CLUSTER_NAME: "shop", OSM_FLEET_ROLES: "" },
    calls: ["ListClusters", "DescribeCluster", "PutEvents"],
    event: () => ({}),
    isDone: () => true,
    told: [`Egress Drift Check Due: ${fleetCluster}`, "Egress Drift Check Due: shop"],
  },
  {
    name: "gitops-webhook",
    environment: { OSM_FLUX_SECRET: "flux", OSM_ARGOCD_SECRET: "argocd" },
    calls: ["GetSecretValue", "PutEvents"],
    event: () => ({
      rawPath: "/flux/shop",
      headers: { "x-signature": signature(flux, secretIn("flux", "AWSCURRENT")) },
      body: flux,
      isBase64Encoded: false,
      requestContext: { http: { method: "POST" } },
    }),
    isDone: (result) => (result as { readonly statusCode: number }).statusCode === 202,
    told: ["GitOps Revision Applied: shop"],
  },
  {
    name: "forward-audit-log",
    environment: {},
    calls: ["PutEvents"],
    event: () => ({ awslogs: { data: gzipSync(JSON.stringify(audited)).toString("base64") } }),
    isDone: () => true,
    told: ["OSM Object Changed: shop"],
  },
];

/** Lambda tries an asynchronous call three times in all; Flux tries longer, and the schedule comes again. */
const maxCalls = 3;

let home = "";
let aws: StandInAws;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "osm-functions-"));
  await bundle(
    functions.map(({ name }) => `functions/${name}`),
    home,
  );
  aws = await startStandInAws({ endpoint: "https://127.0.0.1:1", ca: "of nobody" });
});
afterAll(async () => {
  await aws?.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  aws.faults = () => undefined;
  for (const heard of [aws.calls, aws.events]) heard.length = 0;
});

const start = ({ name, environment }: SmallFunction): Promise<HandlerProcess> =>
  startHandler(name, { handler: join(home, `functions/${name}.mjs`), awsUrl: aws.url, environment });

const told = () =>
  aws.events.map(({ detailType, detail }) => {
    return `${detailType}: ${(detail["metadata"] as { readonly cluster?: string }).cluster}`;
  });
const isAllTold = (one: SmallFunction) => one.told.every((event) => told().includes(event));

/** Called again until it is done with and all is told, as often as its caller does at least. */
async function callUntilTold(
  one: SmallFunction,
  process: HandlerProcess,
  onReturn: () => void = () => undefined,
): Promise<readonly string[]> {
  const errors: string[] = [];
  for (let call = 1; call <= maxCalls; call++) {
    const outcome = await process.invoke(`call-${call}`, one.event());
    onReturn();
    if (outcome === "killed") throw new Error(`${one.name} ended: ${process.said.slice(-5).join("\n")}`);
    if ("error" in outcome) errors.push(outcome.error);
    else if (one.isDone(outcome.result) && isAllTold(one)) break;
    await sleep(100);
  }
  return errors;
}

describe.each(functions)("$name", (one) => {
  // Of what only reads it makes no difference whether it was carried out, and silence takes its time.
  const every = one.calls
    .flatMap(awsCasesOf)
    .filter(({ name, fault }) => name === "PutEvents" || fault.kind !== "hang" || fault.when === "before");
  const quick = (call: AwsCallName) => every.filter(({ name, fault }) => name === call && fault.kind !== "hang");
  const some = one.calls.map((call) => quick(call)[runSeed % quick(call).length] as AwsCase);

  test.each(isFull ? every : some)(
    "though all of a call's $name end with $fault: all is told",
    async ({ name, fault }) => {
      const process = await start(one);
      try {
        aws.faults = (call) => (call.name === name ? fault : undefined);
        const errors = await callUntilTold(one, process, () => {
          aws.faults = () => undefined;
        });
        expect([...new Set(told())].toSorted()).toEqual(one.told);
        expect(aws.calls.filter((call) => call.fault !== undefined).length).toBeGreaterThan(0);
        const lines = [...process.log, ...errors.map((message) => ({ level: "ERROR", message }))];
        expect(lines.some((line) => tells(line, { name, fault }))).toBe(true);
        expect(busierThan(aws.calls, ({ sender }) => sender, maxCallsInAMinute)).toEqual([]);
        expect(secretsIn(process)).toEqual([]);
      } finally {
        await process.kill();
      }
    },
  );

  test.each(["before", "after"] as const)("killed %s its PutEvents is carried out: all is told", async (when) => {
    const first = await start(one);
    const second = await start(one);
    try {
      aws.faults = firstCalls(1, "PutEvents", {
        kind: "meet",
        when,
        async meet() {
          await first.kill();
          return "drop";
        },
      });
      expect(await first.invoke("first", one.event())).toBe("killed");
      expect(told().length).toBe(when === "after" ? 1 : 0);
      expect(await callUntilTold(one, second)).toEqual([]);
      expect([...new Set(told())].toSorted()).toEqual(one.told);
    } finally {
      await Promise.all([first.kill(), second.kill()]);
    }
  });
});
