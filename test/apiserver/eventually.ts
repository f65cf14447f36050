import { setTimeout as sleep } from "node:timers/promises";

/** Asks until the answer is yes. @throws after the time, naming what never came true */
export async function eventually(what: string, ask: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (await ask()) return;
    await sleep(50);
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`);
}
