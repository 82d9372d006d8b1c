/** An answer of the API server. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface RestartPodArgs {
  /** URL of the pod at the API server. */
  readonly pod: string;
  readonly call: (method: string, url: string) => Promise<Answer>;
  readonly timeoutMilliseconds: number;
  /** @default 1000 */
  readonly pauseMilliseconds?: number;
}

export function restartPod(args: RestartPodArgs): Promise<void>;
