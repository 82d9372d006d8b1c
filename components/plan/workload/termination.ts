/** How a pod's time from the order to stop until it is killed is spent, in seconds. */
export interface Termination {
  /** Before the process hears of it: every node takes the pod out of the Service meanwhile. */
  readonly preStopSeconds: number;
  /** The process is not ready, still serves, and asks its callers to close kept connections. */
  readonly drainSeconds: number;
  /** Requests in flight may take this long once nothing new is accepted. */
  readonly finishSeconds: number;
}

const preStopSeconds = 5;
const longestDrainSeconds = 5;
/** For the process to end by itself: it is not to be killed while it says its last words. */
const exitSeconds = 1;
/** Longest that the sample app takes. */
const longestFinishSeconds = 600;

/** Shares a grace period out, so that all of its parts fit into it. @param graceSeconds 10 or more */
export function planTermination(graceSeconds: number): Termination {
  const left = graceSeconds - preStopSeconds - exitSeconds;
  const drainSeconds = Math.min(longestDrainSeconds, Math.max(1, Math.floor(left / 4)));
  return { preStopSeconds, drainSeconds, finishSeconds: Math.min(longestFinishSeconds, left - drainSeconds) };
}
