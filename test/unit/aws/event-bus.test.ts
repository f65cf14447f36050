import { expect, test } from "vitest";
import { putAll } from "#lib/aws/event-bus.ts";

const entry = (name: string | number) => ({ Source: "osm.reconciler", Detail: `{"n":"${name}"}` });
const taken = { EventId: "id" };
const failed = (ErrorCode = "ThrottlingException") => ({ ErrorCode });

/** Answers by script, one list of results for each call. */
function scripted(script: readonly (readonly object[] | Error)[]) {
  const sent: (string | undefined)[][] = [];
  const waits: number[] = [];
  return {
    sent,
    waits,
    send: async (batch: readonly { Detail?: string | undefined }[]) => {
      const answer = script[sent.length];
      sent.push(batch.map(({ Detail }) => Detail));
      if (answer === undefined) throw new Error("not in the script");
      if (answer instanceof Error) throw answer;
      return answer;
    },
    wait: async (ms: number) => waits.push(ms),
  };
}

test("failed entries go again, and only they", async () => {
  const bus = scripted([[taken, failed(), taken], [taken]]);
  await putAll([entry("a"), entry("b"), entry("c")], bus.send, bus.wait);
  expect(bus.sent).toEqual([['{"n":"a"}', '{"n":"b"}', '{"n":"c"}'], ['{"n":"b"}']]);
  expect(bus.waits).toHaveLength(1);
});

test("a result that is missing is a failure", async () => {
  const bus = scripted([[taken], [taken]]);
  await putAll([entry("a"), entry("b")], bus.send, bus.wait);
  expect(bus.sent[1]).toEqual(['{"n":"b"}']);
});

test("ten at a time, the next ten when the first are in", async () => {
  const bus = scripted([[...Array<object>(9).fill(taken), failed()], [taken], [taken, taken]]);
  await putAll(
    Array.from({ length: 12 }, (_, at) => entry(at)),
    bus.send,
    bus.wait,
  );
  expect(bus.sent.map((batch) => batch.length)).toEqual([10, 1, 2]);
});

test("after five tries it says what was not taken", async () => {
  const bus = scripted(Array.from({ length: 5 }, () => [failed("InternalFailure")]));
  await expect(putAll([entry("a")], bus.send, bus.wait)).rejects.toThrow(
    "[aws-unavailable] PutEvents: 1 of 1 events not taken after 5 tries: InternalFailure",
  );
  expect(bus.waits.every((ms, at) => ms >= 100 * 2 ** at && ms <= 300 * 2 ** (at + 1))).toBe(true);
});

test("a source that is not ours is not tried again", async () => {
  const bus = scripted([[failed("NotAuthorizedForSourceException")]]);
  await expect(putAll([entry("a")], bus.send, bus.wait)).rejects.toThrow(/^\[aws-forbidden\].+after 1 tries/);
});

test.each([
  ["AccessDeniedException", "aws-forbidden"],
  ["ExpiredTokenException", "aws-unavailable"],
  ["TimeoutError", "aws-unavailable"],
])("a call that fails with %s is %s", async (name, reason) => {
  const bus = scripted([Object.assign(new Error("no"), { name })]);
  await expect(putAll([entry("a")], bus.send, bus.wait)).rejects.toMatchObject({ reason });
});

test("nothing to put, nothing sent", async () => {
  const bus = scripted([]);
  await putAll([], bus.send, bus.wait);
  expect(bus.sent).toEqual([]);
});
