import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import type { Agent, IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A service as it runs in a container: a process of its own, on a port that the system chose. */
export class Service {
  readonly log: LogLine[] = [];
  stderr = "";
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #process: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  constructor(env: NodeJS.ProcessEnv = {}, args: readonly string[] = []) {
    this.#process = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env["PATH"], HOST: "127.0.0.1", PORT: "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.#process;
    if (!stdout || !stderr) throw new Error("the service was started without pipes");
    createInterface(stdout).on("line", (line) => {
      this.log.push(JSON.parse(line) as LogLine);
      this.#wake();
    });
    stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.exited = once(this.#process, "close").then(([code, signal]) => {
      this.#ended = true;
      this.#wake();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** The first log line whose message begins so, as soon as it is there; fails if the process ends without it. */
  async logged(message: string, path?: string): Promise<LogLine> {
    for (;;) {
      const line = this.log.find(({ msg, path: its }) => msg.startsWith(message) && (path ?? its) === its);
      if (line) return line;
      if (this.#ended) throw new Error(`ended without "${message}": ${JSON.stringify(this.log)} ${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Its address, as soon as it listens. */
  async url(): Promise<string> {
    const { msg } = await this.logged("listening on ");
    return msg.slice("listening on ".length);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends the process if it still runs. */
  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.exited;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

export interface Answer {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly body: string;
}

/** One request; without an agent, on a connection of its own. */
export async function call(url: string, agent: Agent | false = false): Promise<Answer> {
  const [response] = (await once(get(url, { agent }), "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += String(chunk);
  return { status: response.statusCode, connection: response.headers.connection, body };
}
