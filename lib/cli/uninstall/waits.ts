import { until } from "../install-checks.ts";

/** Several API servers may stand behind one address: questions that are sent at once go over as many connections. */
const askedAtOnce = 4;
const noesInARow = 3;
/** What cannot be tried is waited for as long: the API server takes up what is removed in less, as a rule. */
const unknownMs = 5_000;

/**
 * Until an API server goes by something no more: each takes a moment of its own to see that it is gone.
 *
 * @param ask   undefined where that could not be tried
 * @param keep  before every round
 * @throws      CommandError when it has not come true in time
 */
export async function untilNo(
  what: string,
  ask: () => Promise<boolean | undefined>,
  keep: () => Promise<void> = async () => undefined,
  patienceMs = unknownMs,
): Promise<void> {
  let noes = 0;
  let unknownSinceMs: number | undefined;
  await until(what, async () => {
    await keep();
    const answers = await Promise.all(Array.from({ length: askedAtOnce }, ask));
    const isUnknown = !answers.includes(true) && answers.includes(undefined);
    unknownSinceMs = isUnknown ? (unknownSinceMs ?? Date.now()) : undefined;
    noes = answers.every((answer) => answer === false) ? noes + 1 : 0;
    return noes >= noesInARow || (unknownSinceMs !== undefined && Date.now() - unknownSinceMs >= patienceMs);
  });
}
