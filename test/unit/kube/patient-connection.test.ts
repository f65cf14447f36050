import { describe, expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";
import { patientConnection } from "#lib/kube/patient-connection.ts";

const noAnswer = "no answer";
type Outcome = number | typeof noAnswer;

/** One connection that gives these outcomes in turn. @returns what came of a request, and how often it was sent */
async function sent(
  method: KubeRequest["method"],
  outcomes: readonly Outcome[],
  onAgain?: (trouble: string) => void,
): Promise<readonly [Outcome, number]> {
  let tries = 0;
  const connection: KubeConnection = {
    server: "",
    async send() {
      const outcome = outcomes[tries++] ?? noAnswer;
      if (outcome === noAnswer) throw new EgressError("api-unavailable", noAnswer, new Error("reset"));
      return { status: outcome, text: "", serverTimeMs: undefined };
    },
    stream: () => {
      throw new Error("nobody streams");
    },
  };
  const result = await patientConnection(connection, onAgain)
    .send({ method, path: "/" })
    .catch((error: unknown) => error);
  return [result instanceof EgressError ? noAnswer : (result as { readonly status: number }).status, tries];
}

test.each<readonly [KubeRequest["method"], readonly Outcome[], Outcome, number]>([
  ["GET", [200], 200, 1],
  ["GET", [429, 200], 200, 2],
  ["GET", [500, noAnswer, 200], 200, 3],
  ["GET", [504, 200], 200, 2],
  ["GET", [503, 503, 503, 200], 503, 3],
  ["GET", [noAnswer, noAnswer, noAnswer, 200], noAnswer, 3],
  ["GET", [403, 200], 403, 1],
  ["GET", [404, 200], 404, 1],
  ["PATCH", [429, 200], 200, 2],
  ["PATCH", [500, 200], 200, 2],
  ["PATCH", [504, 200], 504, 1],
  ["PATCH", [noAnswer, 200], noAnswer, 1],
  ["PATCH", [409, 200], 409, 1],
])("%s answered %j ends with %s after %i tries", async (method, outcomes, result, tries) => {
  expect(await sent(method, outcomes)).toEqual([result, tries]);
});

test.each<readonly [readonly Outcome[], readonly string[]]>([
  [[200], []],
  [[429, 200], ["GET /: status 429"]],
  [
    [noAnswer, 503, 200],
    ["[api-unavailable] no answer", "GET /: status 503"],
  ],
  [
    [500, 503, 500],
    ["GET /: status 500", "GET /: status 503"],
  ],
  [[403], []],
])("of %j is told before each further try: %j", async (outcomes, told) => {
  const heard: string[] = [];
  await sent("GET", outcomes, (trouble) => heard.push(trouble));
  expect(heard).toEqual(told);
});

describe("Retry-After", () => {
  /** One connection that refuses once, and asks to be left alone for so long. @returns when it was asked, in ms */
  async function askedAt(status: number, retryAfterMs: number): Promise<readonly number[]> {
    const beganMs = performance.now();
    const times: number[] = [];
    const connection: KubeConnection = {
      server: "",
      async send() {
        times.push(performance.now() - beganMs);
        return { status: times.length === 1 ? status : 200, text: "", serverTimeMs: undefined, retryAfterMs };
      },
      stream: () => {
        throw new Error("nobody streams");
      },
    };
    await patientConnection(connection).send({ method: "PATCH", path: "/" });
    return times;
  }

  test.each([429, 503])("of a second, with %i, is kept", async (status) => {
    const times = await askedAt(status, 1_000);
    expect(times.length).toBe(2);
    expect(times[1]).toBeGreaterThan(990);
  });

  test("that is longer than a Lease in hand bears: not asked again", async () => {
    expect((await askedAt(429, 2_001)).length).toBe(1);
  });
});
