import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createSocket, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { binaryPath } from "../../local/toolchain.ts";
import { PrometheusApi } from "./prometheus-api.ts";
import { pageAfter } from "./series-files.ts";

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface ScratchPages {
  /** Pages of series, by a name; their own labels say where they come from. */
  readonly pages: Readonly<Record<string, string>>;
  readonly rules?: readonly RecordingRule[];
  /** Servers whose series are there too. */
  readonly reads?: readonly PrometheusApi[];
}

export const prometheusBinary = binaryPath("prometheus", "prometheus");

/** A real Prometheus on a free port of this machine, which scrapes written pages twice a second and reads another one's series. */
export class ScratchPrometheus {
  readonly api: PrometheusApi;
  readonly #server: Server;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, server: Server, process: ChildProcess, folder: string) {
    this.api = new PrometheusApi(url);
    this.#server = server;
    this.#process = process;
    this.#folder = folder;
  }

  /** Starts one, and waits until it has scraped every page often enough for a rate, and for rules that need other rules. */
  static async start({ pages, rules = [], reads = [] }: ScratchPages): Promise<ScratchPrometheus> {
    const began = Date.now();
    const server = createServer(({ url = "" }, answer) => {
      const page = pages[url.slice(1)] ?? "";
      answer.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      answer.end(pageAfter(page, (Date.now() - began) / 1000));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const folder = mkdtempSync(join(tmpdir(), "quorum-prometheus-"));
    writeFileSync(join(folder, "rules.yml"), stringify({ groups: [{ name: "all", interval: "500ms", rules }] }));
    const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const config = {
      global: { scrape_interval: "500ms" },
      rule_files: ["rules.yml"],
      remote_read: reads.map(({ url }) => ({ url: `${url}/api/v1/read`, read_recent: true })),
      scrape_configs: Object.keys(pages).map((name) => ({
        job_name: `page-${name}`,
        metrics_path: `/${name}`,
        honor_labels: true,
        static_configs: [{ targets: [target] }],
      })),
    };
    writeFileSync(join(folder, "prometheus.yml"), stringify(config));
    const port = await freePort();
    const child = spawn(
      prometheusBinary,
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: "ignore" },
    );
    const scratch = new ScratchPrometheus(`http://127.0.0.1:${port}`, server, child, folder);
    await scratch.#scraped(target, Object.keys(pages).length, rules.length > 0 ? 6 : 4);
    return scratch;
  }

  async #scraped(target: string, pages: number, times: number): Promise<void> {
    for (let attempt = 0; attempt < 240; attempt++) {
      await sleep(250);
      const often = `count(count_over_time(up{job=~"page-.*", instance="${target}"}[1m]) >= ${times})`;
      const [found] = await this.api.numbers(often, { instant: true, stepSeconds: 1 }).catch(() => []);
      if (found === pages) return;
      if (this.#process.exitCode !== null) break;
    }
    await this.stop();
    throw new Error("the scratch Prometheus did not scrape its pages within a minute");
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#process.exitCode === null) {
      // Nothing of it is kept.
      this.#process.kill("SIGKILL");
      await once(this.#process, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, "close");
  return port;
}
