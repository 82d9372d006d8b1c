/** A Prometheus that is asked. */
export class PrometheusApi {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Whether any series that the selector names had a sample in the last hour. */
  async has(selector: string): Promise<boolean> {
    return (await this.#numbers("query", { query: `count(last_over_time(${selector}[1h]))` })).length > 0;
  }

  /** The numbers that a panel would show for an expression: over the last quarter of an hour, or now. NaN is no number. */
  async numbers(expression: string, when: { readonly instant: boolean; readonly stepSeconds: number }) {
    if (when.instant) return this.#numbers("query", { query: expression });
    const now = Date.now() / 1000;
    const range = { start: `${now - 900}`, end: `${now}`, step: `${when.stepSeconds}` };
    return this.#numbers("query_range", { query: expression, ...range });
  }

  /** Values of a label, of the series that the selector names or of all. */
  async labelValues(label: string, selector: string | undefined): Promise<string[]> {
    const hourAgo = `${Date.now() / 1000 - 3600}`;
    const match: Record<string, string> = selector === undefined ? {} : { "match[]": selector };
    return (await this.#ask(`label/${label}/values`, { start: hourAgo, ...match })) as string[];
  }

  /** Label sets of the series of an instant vector. */
  async labels(expression: string): Promise<Record<string, string>[]> {
    const { result } = (await this.#ask("query", { query: expression })) as Result;
    return result.map(({ metric }) => metric);
  }

  /** The rules that are in force. */
  async rules(): Promise<readonly RuleInForce[]> {
    const { groups } = (await this.#ask("rules", {})) as {
      groups: readonly { readonly rules: readonly LoadedRule[] }[];
    };
    return groups.flatMap((group) =>
      group.rules.map(({ name, type, query, labels }) => ({
        ...(type === "alerting" ? { alert: name } : { record: name }),
        expr: query,
        labels,
      })),
    );
  }

  async #numbers(path: string, parameters: Record<string, string>): Promise<number[]> {
    const { resultType, result } = (await this.#ask(path, parameters)) as Result;
    const samples = resultType === "scalar" ? [result as unknown as Sample] : result.flatMap(samplesOf);
    return samples.map(([, value]) => Number(value)).filter((value) => !Number.isNaN(value));
  }

  async #ask(path: string, parameters: Record<string, string>): Promise<unknown> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const body = (await answer.json()) as { status: string; error?: string; data: unknown };
    if (body.status !== "success") throw new Error(`${parameters["query"] ?? path}: ${body.error}`);
    return body.data;
  }
}

export interface RuleInForce {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}
interface LoadedRule {
  readonly name: string;
  readonly type: "alerting" | "recording";
  readonly query: string;
  readonly labels?: Readonly<Record<string, string>>;
}
type Sample = readonly [time: number, value: string];
interface Series {
  readonly metric: Record<string, string>;
  readonly value?: Sample;
  readonly values?: readonly Sample[];
}
interface Result {
  readonly resultType: string;
  readonly result: readonly Series[];
}

function samplesOf({ value, values = [] }: Series): readonly Sample[] {
  return value === undefined ? values : [value];
}
