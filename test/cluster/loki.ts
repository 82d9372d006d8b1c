import { kubectl } from "./quorum.ts";

const namespace = "monitoring";

/** Of a line: its stream's labels, and the fields that Loki keeps beside it. */
export interface FoundLine {
  readonly text: string;
  readonly fields: Readonly<Record<string, string>>;
}

interface Streams {
  readonly data: {
    readonly result: readonly {
      readonly stream: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [string, string])[];
    }[];
  };
}
interface Vector {
  readonly data: { readonly result: readonly { readonly metric: Readonly<Record<string, string>> }[] };
}

/** Asks Loki of stack dev, which nothing outside the cluster reaches, through the API server. */
async function ask<T>(path: string, parameters: Readonly<Record<string, string>>): Promise<T> {
  const query = new URLSearchParams(parameters).toString();
  const proxy = `/api/v1/namespaces/${namespace}/services/loki:3100/proxy/loki/api/v1`;
  return JSON.parse(await kubectl(["get", "--raw", `${proxy}/${path}?${query}`])) as T;
}

/** Lines of the last hour, the newest first. */
export async function searchLogs(query: string, limit = 100): Promise<FoundLine[]> {
  const { data } = await ask<Streams>("query_range", { query, limit: String(limit), since: "1h" });
  return data.result.flatMap(({ stream, values }) => values.map(([, text]) => ({ text, fields: stream })));
}

/** Labels of each series of a query that counts. */
export async function countLogs(query: string): Promise<Readonly<Record<string, string>>[]> {
  const { data } = await ask<Vector>("query", { query });
  return data.result.map(({ metric }) => metric);
}
