import { eventually } from "./quorum.ts";

/** What a hook got, in the order in which it came. */
export interface Got {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly path: string;
  readonly authorization?: string;
  readonly body: Message;
}

/** What Alertmanager sends to a webhook. */
export interface Message {
  readonly status: "firing" | "resolved";
  readonly receiver: string;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

const program = `
import { createServer } from "node:http";
const got = [];
createServer((request, response) => {
  let text = "";
  request.on("data", (part) => (text += part));
  request.on("end", () => {
    const { url: path, headers: { authorization } } = request;
    if (request.method === "POST") got.push({ at: Date.now(), path, authorization, body: JSON.parse(text) });
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(path === "/got" ? got : {}));
  });
}).listen(8080);
`;

/** A service that remembers whatever is posted to it, and says so on `/got`. */
export function hookService(port: number) {
  return {
    image: "node",
    role: "hook",
    replicas: 1,
    scrape: false,
    traces: false,
    expose: { port },
    // The image runs Node without a program; this one comes before it, and stays.
    env: { NODE_OPTIONS: "--import=/etc/hook/hook.mjs" },
    config: { "hook.mjs": program },
    resources: { cpuMillis: 10, cpuLimitMillis: 500, memoryMiB: 96 },
  };
}

export async function got(port: number): Promise<Got[]> {
  return (await (await fetch(`http://localhost:${port}/got`)).json()) as Got[];
}

/** What came to a path about an alert of a service. */
export async function messagesOn(port: number, alertname: string, service: string): Promise<Message[]> {
  return (await got(port))
    .filter(({ path }) => path === "/alerts")
    .map(({ body }) => body)
    .filter(({ commonLabels }) => commonLabels["alertname"] === alertname && commonLabels["service"] === service);
}

/** Waits until as many messages have come. */
export async function eventuallyTold(
  port: number,
  [alertname, service]: readonly [string, string],
  count: number,
  seconds: number,
): Promise<Message[]> {
  return eventually(`message ${count} on ${alertname} of ${service}`, seconds, async () => {
    const messages = await messagesOn(port, alertname, service);
    return messages.length >= count ? messages : undefined;
  });
}
