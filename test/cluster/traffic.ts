import { setTimeout as sleep } from "node:timers/promises";

/** Calls of one address, one after the other, for as long as a story goes on. */
export class Traffic {
  /** Every status that was answered since the last start. */
  readonly statuses = new Set<number>();
  readonly #url: string;
  #end = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(url: string) {
    this.#url = url;
  }

  /** Begins, or goes on at another pace. */
  start({ everyMilliseconds }: { readonly everyMilliseconds: number }): void {
    this.#end.abort();
    this.#end = new AbortController();
    this.statuses.clear();
    this.#ended = this.#run(everyMilliseconds, this.#end.signal);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#ended;
  }

  async #run(everyMilliseconds: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { status, body } = await fetch(this.#url, {
          signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
        });
        await body?.cancel();
        this.statuses.add(status);
      } catch {
        // Pods come and go in a story: whoever calls one that is gone calls again.
      }
      // The only rejection is the abort, by which the loop ends.
      await sleep(everyMilliseconds, undefined, { signal }).catch(() => undefined);
    }
  }
}
