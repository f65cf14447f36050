/**
 * The highest fencing number that counts as one. The next holder of the Lease takes a higher one, and `leaseTransitions`
 * is an int32: what somebody wrote beyond this would stop every write. No mesh comes this far by itself.
 */
export const maxFencing = 2 ** 30;

/** A holder of the Lease that has not renewed it for this long is taken for dead, or sooner if the Lease says so. */
export const maxLeaseSeconds = 20;
