/**
 * Preloaded (`--import`) into a process whose clock is to be wrong by `TEST_CLOCK_AHEAD_MS`: what it is told of the time
 * of day is moved, what it measures and its timers are not, as on a machine whose clock was set wrong.
 */
const aheadMs = Number(process.env["TEST_CLOCK_AHEAD_MS"]);
const right = Date;

const MovedDate = new Proxy(right, {
  construct: (target, args: ConstructorParameters<typeof Date>, self) =>
    Reflect.construct(target, (args as readonly unknown[]).length === 0 ? [right.now() + aheadMs] : args, self),
  apply: () => new right(right.now() + aheadMs).toString(),
  get: (target, key) => (key === "now" ? () => right.now() + aheadMs : Reflect.get(target, key)),
});
globalThis.Date = MovedDate;
