import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, Api, type ApiOptions, type StoredObject } from "./api.ts";

/** One write that the API server acknowledged. */
export interface AcknowledgedWrite {
  readonly object: string;
  readonly value: number;
  readonly resourceVersion: bigint;
  /** Milliseconds since the writer began, when it was sent and when it was acknowledged. */
  readonly sentAt: number;
  readonly acknowledgedAt: number;
}

/** A write or a read that got no answer, or another than it should have. */
export interface FailedCall {
  readonly at: number;
  readonly reason: string;
}

/** How the API is called, at whose server the writes go. */
export interface WriterOptions extends ApiOptions {
  /** @default "writer" */
  readonly namespace?: string | undefined;
  /** Wait between an answer and the next write. @default 20 */
  readonly pauseMillis?: number | undefined;
}

const counter = "counter";

/**
 * Writes ConfigMaps through the API's endpoint without an end, one after the other: a new one, then a higher number into one
 * that is there. It notes what was acknowledged, and watches whether anything goes back.
 */
export class ConstantWriter {
  readonly acknowledged: AcknowledgedWrite[] = [];
  readonly failed: FailedCall[] = [];
  /** What went back: an acknowledged revision, or one that a watcher saw. */
  readonly backwards: string[] = [];
  /** How often the watcher was told that its revision is gone. */
  relisted = 0;
  readonly #options: WriterOptions;
  readonly #api: Api;
  readonly #namespace: string;
  readonly #ended = new AbortController();
  readonly #began = performance.now();
  #counterVersion = "";
  #watched = 0n;
  #seen = 0;
  #work: Promise<unknown> = Promise.resolve();

  private constructor(options: WriterOptions) {
    this.#options = options;
    this.#api = new Api(options);
    this.#namespace = options.namespace ?? "writer";
  }

  /** Makes the namespace and begins; the first write is acknowledged when it resolves. */
  static async start(options: WriterOptions): Promise<ConstantWriter> {
    const writer = new ConstantWriter(options);
    await writer.#prepare();
    writer.#work = Promise.all([writer.#write(), writer.#watch()]);
    // Whoever waits for the end gets the failure; until then it is not an unhandled one.
    writer.#work.catch(() => undefined);
    await writer.progress(1, 30);
    return writer;
  }

  /** Milliseconds since the writer began: what its writes are told by. */
  now(): number {
    return performance.now() - this.#began;
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.#namespace}/configmaps`;
  }

  async #prepare(): Promise<void> {
    const made = await this.#api.call("POST", "/api/v1/namespaces", { metadata: { name: this.#namespace } });
    if (made.status !== 201 && made.status !== 409)
      throw new Error(`the namespace ${this.#namespace} could not be made: ${made.status} ${made.body.message}`);
    const first = await this.#api.call("POST", this.#path, { metadata: { name: counter }, data: { value: "0" } });
    const held = first.status === 409 ? await this.#api.call("GET", `${this.#path}/${counter}`) : first;
    this.#counterVersion = held.body.metadata?.resourceVersion ?? "";
    this.#watched = BigInt(this.#counterVersion);
  }

  async #write(): Promise<void> {
    for (let value = 1; !this.#ended.signal.aborted; value++) {
      const sentAt = this.now();
      try {
        const object = value % 2 === 0 ? counter : `write-${value}`;
        const answer = object === counter ? await this.#raise(value) : await this.#create(object, value);
        if (answer.status >= 300) this.failed.push({ at: sentAt, reason: `${answer.status} ${answer.body.message}` });
        else this.#note(object, value, sentAt, answer.body);
        if (answer.status === 409) await this.#readCounter();
      } catch (error) {
        this.failed.push({ at: sentAt, reason: (error as Error).message });
      }
      await sleep(this.#options.pauseMillis ?? 20);
    }
  }

  #create(name: string, value: number): Promise<Answer> {
    return this.#api.call("POST", this.#path, { metadata: { name }, data: { value: String(value) } });
  }

  /** By the revision that was read: a call that was given up, and is carried out late, then overwrites nothing. */
  #raise(value: number): Promise<Answer> {
    return this.#api.call("PUT", `${this.#path}/${counter}`, {
      metadata: { name: counter, resourceVersion: this.#counterVersion },
      data: { value: String(value) },
    });
  }

  async #readCounter(): Promise<void> {
    const { status, body } = await this.#api.call("GET", `${this.#path}/${counter}`);
    if (status === 200) this.#counterVersion = body.metadata?.resourceVersion ?? this.#counterVersion;
  }

  #note(object: string, value: number, sentAt: number, { metadata }: StoredObject): void {
    const version = metadata?.resourceVersion ?? "0";
    if (object === counter) this.#counterVersion = version;
    const resourceVersion = BigInt(version);
    const before = this.acknowledged.at(-1)?.resourceVersion ?? 0n;
    if (resourceVersion <= before) this.backwards.push(`${object} was written at ${version}, after one at ${before}`);
    this.acknowledged.push({ object, value, resourceVersion, sentAt, acknowledgedAt: this.now() });
  }

  /** Begins again where the last watch ended, as every controller does. */
  async #watch(): Promise<void> {
    let gone = false;
    while (!this.#ended.signal.aborted) {
      try {
        if (gone) await this.#listAnew();
        gone = false;
        await this.#api.watch(
          `${this.#path}?watch=1&resourceVersion=${this.#watched}`,
          this.#ended.signal,
          ({ type, object }) => {
            if (type === "ERROR") {
              gone = object.message?.includes("too old") === true || object.message?.includes("too large") === true;
              throw new Error(`the watch ended: ${object.message}`);
            }
            const version = BigInt(object.metadata?.resourceVersion ?? "0");
            if (version <= this.#watched)
              this.backwards.push(`a watcher saw revision ${version} after ${this.#watched}`);
            this.#watched = version;
            this.#seen++;
          },
        );
      } catch (error) {
        gone ||= (error as Error).message.endsWith(" 410");
        if (!this.#ended.signal.aborted)
          this.failed.push({ at: this.now(), reason: `watch: ${(error as Error).message}` });
      }
      if (!this.#ended.signal.aborted) await sleep(200);
    }
  }

  /** A watcher that was told that its revision is gone reads everything again, and goes on from there. */
  async #listAnew(): Promise<void> {
    const { status, body } = await this.#api.call("GET", `${this.#path}?limit=1`);
    if (status !== 200) throw new Error(`the ConfigMaps could not be listed: ${status} ${body.message}`);
    const version = BigInt(body.metadata?.resourceVersion ?? "0");
    if (version < this.#watched) this.backwards.push(`a list has revision ${version} after ${this.#watched}`);
    this.#watched = version;
    this.relisted++;
  }

  /** Waits until so many more writes are acknowledged. @throws when they are not within the time */
  async progress(writes: number, seconds: number): Promise<void> {
    const aim = this.acknowledged.length + writes;
    const deadline = this.now() + seconds * 1000;
    while (this.acknowledged.length < aim) {
      if (this.now() > deadline)
        throw new Error(
          `${aim - this.acknowledged.length} of ${writes} further writes were not acknowledged within ${seconds} s; last: ${this.failed.at(-1)?.reason ?? "nothing failed"}`,
        );
      await sleep(20);
    }
  }

  /** Ends the writing. What it noted can be read afterwards. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#work;
    this.#api.close();
  }

  /** The longest time between one acknowledged write and the next, and when it began; of those since a time. */
  longestGap(since = 0): { readonly millis: number; readonly at: number } {
    const times = this.acknowledged.map(({ acknowledgedAt }) => acknowledgedAt);
    let longest = { millis: 0, at: since };
    for (const [index, time] of times.entries()) {
      const before = times[index - 1];
      if (before === undefined || time < since) continue;
      if (time - before > longest.millis) longest = { millis: time - before, at: before };
    }
    return longest;
  }

  /** Writes a second, of those acknowledged between two times of `now()`. */
  rate(from: number, to: number): number {
    const within = this.acknowledged.filter(({ acknowledgedAt: at }) => at >= from && at < to).length;
    return (within / (to - from)) * 1000;
  }

  /** Events that the watcher saw. */
  get events(): number {
    return this.#seen;
  }

  /**
   * Reads everything again, and tells what is not as it was acknowledged.
   *
   * @param server asked instead of the endpoint
   */
  async lost(server?: string): Promise<string[]> {
    const api = new Api({ ...this.#options, timeoutMillis: 30_000, ...(server === undefined ? {} : { server }) });
    const { status, body } = await api.call("GET", this.#path);
    api.close();
    if (status !== 200)
      throw new Error(`the ConfigMaps of ${this.#namespace} cannot be read: ${status} ${body.message}`);
    const held = new Map((body.items ?? []).map((item) => [item.metadata?.name, Number(item.data?.["value"])]));
    const highest = Math.max(0, ...this.acknowledged.map(({ object, value }) => (object === counter ? value : 0)));
    const counted = held.get(counter) ?? -1;
    return [
      ...this.acknowledged.flatMap(({ object, value }) =>
        object === counter || held.get(object) === value ? [] : [`${object} is ${held.get(object) ?? "gone"}`],
      ),
      ...(counted < highest ? [`${counter} is ${counted}, but ${highest} was acknowledged`] : []),
    ];
  }
}
