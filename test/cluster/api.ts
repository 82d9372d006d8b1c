import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { parse } from "yaml";

export interface ApiOptions {
  /** Kubeconfig with a client certificate; its server is what is called. */
  readonly kubeconfig: string;
  /** Called instead of the kubeconfig's server, such as https://10.0.0.1:6443; its certificate must name it. */
  readonly server?: string | undefined;
  /** When a call without an answer is given up, and made again over a new connection. @default 1000 */
  readonly timeoutMillis?: number | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: StoredObject;
}

export interface StoredObject {
  readonly metadata?: { readonly name: string; readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly items?: readonly StoredObject[];
  readonly message?: string;
}

/** What a watch said: every change in the order in which the cluster made it. */
export interface WatchEvent {
  readonly type: string;
  readonly object: StoredObject;
}

/** One way to an API server, over connections of its own. */
export class Api {
  readonly #server: URL;
  readonly #tls: { ca: Buffer; cert: Buffer; key: Buffer };
  readonly #timeout: number;
  #agent: Agent;

  /** @throws where the kubeconfig names no cluster or no user */
  constructor({ kubeconfig, server, timeoutMillis = 1000 }: ApiOptions) {
    const { clusters, users } = parse(readFileSync(kubeconfig, "utf8")) as {
      clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
      users: { user: { "client-certificate-data": string; "client-key-data": string } }[];
    };
    const [{ cluster } = { cluster: undefined }] = clusters;
    const [{ user } = { user: undefined }] = users;
    if (cluster === undefined || user === undefined) throw new Error(`${kubeconfig} names no cluster or no user`);
    this.#server = new URL(server ?? cluster.server);
    this.#tls = {
      ca: Buffer.from(cluster["certificate-authority-data"], "base64"),
      cert: Buffer.from(user["client-certificate-data"], "base64"),
      key: Buffer.from(user["client-key-data"], "base64"),
    };
    this.#timeout = timeoutMillis;
    this.#agent = this.#newAgent();
  }

  #newAgent = () => new Agent({ ...this.#tls, keepAlive: true, maxSockets: 2 });

  /** @throws when no answer came in time; the next call has a new connection then */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    try {
      const { status, text } = await this.#send(method, path, body);
      return { status, body: JSON.parse(text) as StoredObject };
    } catch (error) {
      this.#agent.destroy();
      this.#agent = this.#newAgent();
      throw error;
    }
  }

  #send(method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#server), {
        method,
        agent: this.#agent,
        headers: { accept: "application/json", "content-type": "application/json" },
      });
      const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${this.#timeout} ms`)), this.#timeout);
      sent.once("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => (text += part));
        answer.once("error", reject);
        answer.once("end", () => {
          clearTimeout(timer);
          resolve({ status: answer.statusCode ?? 0, text });
        });
      });
      sent.once("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Tells every event of a watch until it ends or `signal` does. */
  watch(path: string, signal: AbortSignal, each: (event: WatchEvent) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#server), { ...this.#tls, signal });
      // A host that lost its power says no goodbye: a watch without any word ends by itself and is begun again.
      sent.setTimeout(5000, () => sent.destroy(new Error("no event within 5000 ms")));
      sent.once("response", (answer) => {
        let rest = "";
        answer.setEncoding("utf8");
        // Not granted: the answer is one object that says why.
        if (answer.statusCode !== 200) sent.destroy(new Error(`the watch was answered by ${answer.statusCode}`));
        answer.on("data", (part: string) => {
          const lines = (rest + part).split("\n");
          rest = lines.pop() ?? "";
          try {
            for (const line of lines) each(JSON.parse(line) as WatchEvent);
          } catch (error) {
            sent.destroy(error as Error);
          }
        });
        answer.once("error", reject);
        answer.once("end", resolve);
      });
      sent.once("error", reject);
      sent.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
