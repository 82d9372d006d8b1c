import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { OwnHosts } from "./own-hosts.ts";
import { eventually, root } from "./quorum.ts";
import { appImages, lonePrometheus, smallMesh } from "./small-sections.ts";

/** The machine itself, as its local hosts see it: where msgd runs, outside the mesh and the cluster. */
export const outside = "10.210.0.1";
export const msgdPort = 9997;
/** What of `quorum:mesh.external` names msgd. */
export const declared = { msgd: { address: outside, port: msgdPort, protocol: "http" } };
export const pay = "http://svca/pay";
export const notify = "http://svcb/notify";

export type Map = Readonly<Record<string, unknown>>;

/** What a story changes in the sample's configuration. */
export interface Wanted {
  readonly versions?: Map;
  /** Further keys of svcb. */
  readonly svcb?: Map;
  readonly external?: Map;
  /** What svca may ask svcb for. @default `GET /notify` */
  readonly asked?: Map;
  /** Further keys of quorum:mesh. */
  readonly mesh?: Map;
  /** Of quorum:monitoring, over a lone Prometheus. */
  readonly monitoring?: Map;
}

export const half = { "v0.1": { weight: 50 }, "v0.2": { weight: 50 } };

/** The sections of a stack with seed 003's sample in a mesh: front calls svca, svca svcb, svcb msgd; stranger calls nobody. */
export function paySections({ versions = half, svcb = {}, external, asked, mesh, monitoring }: Wanted = {}): Map {
  const common = { image: "app", replicas: 1, resources: { cpuMillis: 10, memoryMiB: 96 } };
  return {
    images: appImages,
    storage: { provisioner: "local-path", retain: false },
    services: {
      front: { ...common, role: "web", calls: ["svca"] },
      stranger: { ...common, role: "web" },
      svca: {
        ...common,
        role: "svca",
        servicePort: 80,
        calls: [{ service: "svcb", ...(asked ?? { methods: ["GET"], paths: ["/notify"] }) }],
      },
      svcb: {
        ...common,
        role: "svcb",
        servicePort: 80,
        env: { SEND_URL: `http://${outside}:${msgdPort}` },
        calls: external === undefined ? [] : ["msgd"],
        versions,
        ...svcb,
      },
    },
    jobs: {},
    mesh: {
      ...smallMesh,
      ...(external && { external }),
      ...mesh,
    },
    monitoring: { ...lonePrometheus, ...monitoring },
  };
}

/** How a pod is to ask. */
export interface How {
  /** Most requests. @default 1 */
  readonly count?: number;
  /** Time after which no further one is begun. @default 60 */
  readonly seconds?: number;
  /** Requests at a time. @default 1 */
  readonly width?: number;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the requests of one run came to: status and versions, or the error, to how often. */
export interface Asked {
  readonly seen: Readonly<Record<string, number>>;
  /** When the last request of each kind began, in milliseconds since 1970. */
  readonly last: Readonly<Record<string, number>>;
  /** How long the slowest of each kind took. */
  readonly slowest: Readonly<Record<string, number>>;
  /** How long one in the middle of each kind took. */
  readonly median: Readonly<Record<string, number>>;
}

/** Asks from inside a pod: for so many requests, or for so long. */
const asker = `
const [url, how] = process.argv.slice(1);
const { count, seconds, width, method, headers } = JSON.parse(how);
const took = {}, last = {}; let begun = 0;
const end = Date.now() + seconds * 1000;
const versions = (body) => { try { const found = []; for (let at = JSON.parse(body); at; at = at.next) found.push(at.version ?? at.error); return found.join(" "); } catch { return body; } };
await Promise.all(Array.from({ length: width }, async () => {
  while (begun < count && Date.now() < end) {
    begun++; const at = Date.now(); let key;
    try { const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(20_000) }); key = answer.status + " " + versions(await answer.text()); }
    catch (error) { key = "error " + (error.cause?.code ?? error.message); }
    key = key.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID").slice(0, 200);
    (took[key] ??= []).push(Date.now() - at); last[key] = at;
  }
}));
const each = (what) => Object.fromEntries(Object.entries(took).map(([key, all]) => [key, what(all)]));
console.log(JSON.stringify({ seen: each((all) => all.length), last, slowest: each((all) => Math.max(...all)), median: each((all) => all.toSorted((a, b) => a - b)[all.length >> 1]) }));`;

/** Sum of all that the app counted: calls by route, without probes and scrapes. */
const counter = `
const text = await (await fetch("http://127.0.0.1:8080/metrics")).text();
console.log(text.split("\\n").filter((line) => line.startsWith("application_api{") && line.includes(process.argv[1] ?? "")).reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0));`;

/** Requests through the sample's services on a cluster of its own. */
export class PayChain {
  readonly #own: OwnHosts;

  constructor(own: OwnHosts) {
    this.#own = own;
  }

  /** @param from a service, or `service/workload` where a version is meant */
  async ask(from: string, url: string, how: How = {}): Promise<Asked> {
    const whole = { count: 1, seconds: 60, width: 1, method: "GET", headers: {}, ...how };
    return JSON.parse(await this.#node(from, asker, [url, JSON.stringify(whole)])) as Asked;
  }

  /** What one request came to. */
  async one(from: string, url: string, how: How = {}): Promise<string> {
    return Object.keys((await this.ask(from, url, { ...how, count: 1 })).seen)[0] ?? "nothing";
  }

  /** Requests that the pod of a service or version has had, as it counts them itself. */
  async received(from: string, route = ""): Promise<number> {
    return Number(await this.#node(from, counter, [route]));
  }

  async #node(from: string, script: string, args: readonly string[]): Promise<string> {
    const [app = "", workload = app] = from.split("/");
    const node = ["node", "--input-type=module", "--eval", script, "--", ...args];
    return this.#own.kubectl(["exec", "-n", "apps", `deploy/${workload}`, "-c", app, "--", ...node]);
  }
}

/** How often answers of a kind were seen. */
export function times(seen: Readonly<Record<string, number>>, kind: RegExp): number {
  return Object.entries(seen).reduce((sum, [key, often]) => sum + (kind.test(key) ? often : 0), 0);
}

/** msgd of the seed: a process on the machine itself, which the local hosts' bridge must have been made on. */
export class Msgd {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #said = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = once(child, "close");
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
  }

  /**
   * Starts it, and waits until it answers.
   * @param tracesEndpoint where it sends its spans
   * @throws with its words, where it ends instead
   */
  static async start(tracesEndpoint?: string): Promise<Msgd> {
    const msgd = new Msgd(
      spawn(process.execPath, [join(root, "app/src/main.ts"), "msgd"], {
        env: {
          PATH: process.env["PATH"],
          HOST: outside,
          PORT: String(msgdPort),
          LOG_LEVEL: "warn",
          ...(tracesEndpoint !== undefined && { OTEL_EXPORTER_OTLP_ENDPOINT: tracesEndpoint }),
        },
        stdio: ["ignore", "ignore", "pipe"],
      }),
    );
    const answers = eventually("msgd answers", 30, async () =>
      (await fetch(`http://${outside}:${msgdPort}/health`)).ok ? true : undefined,
    );
    const ended = msgd.#closed.then(() => Promise.reject(new Error(`msgd has ended\n${msgd.#said}`)));
    ended.catch(() => undefined);
    await Promise.race([answers, ended]);
    return msgd;
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}
