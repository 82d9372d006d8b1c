import { kubectl } from "../cluster/quorum.ts";

/** Loki of a stack, reached by way of the API server. */
export class LokiApi {
  readonly #base: string;

  constructor(namespace: string) {
    this.#base = `/api/v1/namespaces/${namespace}/services/loki:3100/proxy/loki/api/v1`;
  }

  /** How many lines, or points of a graph, a query gives for the last quarter of an hour. */
  async count(query: string, stepSeconds: number): Promise<number> {
    const start = `${Math.floor(Date.now() / 1000) - 900}`;
    const { result } = (await this.#ask("query_range", { query, start, step: `${stepSeconds}` })) as {
      result: readonly { readonly values: readonly unknown[] }[];
    };
    return result.reduce((sum, { values }) => sum + values.length, 0);
  }

  async labelValues(label: string, query: string): Promise<string[]> {
    return ((await this.#ask(`label/${label}/values`, query === "" ? {} : { query })) ?? []) as string[];
  }

  /** Values of a field of the newest lines of a query. */
  async fields(query: string, name: string): Promise<string[]> {
    const { result } = (await this.#ask("query_range", { query, limit: "100" })) as {
      result: readonly { readonly stream: Readonly<Record<string, string>> }[];
    };
    return [...new Set(result.flatMap(({ stream }) => stream[name] ?? []))];
  }

  async #ask(path: string, parameters: Record<string, string>): Promise<unknown> {
    const answer = await kubectl([
      "get",
      "--raw",
      `${this.#base}/${path}?${new URLSearchParams(parameters).toString()}`,
    ]);
    return (JSON.parse(answer) as { data: unknown }).data;
  }
}

/** How many spans Zipkin has of a trace. */
export async function spansOf(namespace: string, trace: string): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/services/zipkin:9411/proxy/api/v2/trace/${trace}`;
  return (JSON.parse(await kubectl(["get", "--raw", path])) as unknown[]).length;
}
