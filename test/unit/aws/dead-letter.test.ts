import { expect, test } from "vitest";
import { deadLetter } from "#lib/aws/dead-letter.ts";

const own = "111122223333";
const letter = (body: unknown) =>
  deadLetter({ MessageId: "m", Body: typeof body === "string" ? body : JSON.stringify(body) }, own);
const event = (account: unknown, detail: unknown) => ({ source: "me", "detail-type": "t", account, detail });

test.each([
  ["of the queue's own account", event(own, { cluster: "shop" }), "shop"],
  ["under metadata", event(own, { metadata: { cluster: "shop" } }), "shop"],
  [
    "of another account, by its name alone",
    event("222233334444", { metadata: { cluster: "shop" } }),
    "222233334444/shop",
  ],
  ["of another account, named from the own one", event(own, { cluster: "222233334444/shop" }), "222233334444/shop"],
  ["that the sender may not speak of", event("222233334444", { cluster: `${own}/shop` }), `${own}/shop`],
  ["in an event without an account", event(undefined, { cluster: "shop" }), "shop"],
  ["that is no text", event(own, { cluster: 7 }), undefined],
  ["in no event", "{", undefined],
  ["in an event without a detail", event(own, null), undefined],
])("a cluster %s", (_, body, cluster) => {
  expect(letter(body).cluster).toBe(cluster);
});
