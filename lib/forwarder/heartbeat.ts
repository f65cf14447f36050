/** How often a forwarder that is well says so. */
export const renewEveryMs = 30_000;
/** Until it tries again what the API server did not take. */
export const retryMs = 5_000;
const checkEveryMs = 1_000;

export interface HeartbeatPorts {
  /** What is wrong with the forwarder; empty when all is well. */
  ailments(): readonly string[];
  /** Says in the cluster that all is well. */
  renew(): Promise<void>;
  /** The forwarder is no longer well, or well again; told once. */
  onTurn(ailments: readonly string[]): void;
  onTrouble(trouble: unknown): void;
}

/** Renews as soon as all is well, and then every 30 s for as long as it stays so. @returns what stops it */
export function startHeartbeat(ports: HeartbeatPorts): () => void {
  let dueMs = 0;
  let isBusy = false;
  // A start is not well yet, and no news.
  let wasWell: boolean | undefined;

  async function check(): Promise<void> {
    const ailments = ports.ailments();
    const isWell = ailments.length === 0;
    if (wasWell !== undefined && isWell !== wasWell) ports.onTurn(ailments);
    if (isWell || wasWell !== undefined) wasWell = isWell;
    const nowMs = performance.now();
    if (!isWell || isBusy || nowMs < dueMs) return;
    isBusy = true;
    try {
      await ports.renew();
      dueMs = nowMs + renewEveryMs;
    } catch (trouble) {
      dueMs = performance.now() + retryMs;
      ports.onTrouble(trouble);
    }
    isBusy = false;
  }

  const timer = setInterval(() => void check(), checkEveryMs);
  return () => clearInterval(timer);
}
