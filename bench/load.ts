import type { OwnHosts } from "../test/cluster/own-hosts.ts";

/** A load that a pod puts on a URL. */
export interface Load {
  /** A Deployment of namespace `apps`; its container has its name, and Node. */
  readonly from: string;
  readonly url: string;
  /** Requests that are begun each second, whatever became of those before. */
  readonly perSecond: number;
  /** How long requests are begun that count. */
  readonly seconds: number;
  /** Requests before them that do not: connections are made, code is compiled. */
  readonly warmUpSeconds: number;
}

export interface LoadResult {
  /** Times of the requests that count, in seconds, rising. */
  readonly seconds: readonly number[];
  /** All that were sent, warm-up included. */
  readonly sent: number;
  /** What became of those that were not answered 200, to how often. */
  readonly failed: Readonly<Record<string, number>>;
}

/**
 * Open loop: a slow answer delays no later request, so it cannot hide that those had to wait too. A request's time begins where it is
 * handed to the HTTP client, so waiting for a connection counts and lateness of this script's own timer does not.
 */
const generator = `
import { Agent, request } from "node:http";
const { url, perSecond, seconds, warmUpSeconds } = JSON.parse(process.argv[1]);
setTimeout(() => process.exit(3), (warmUpSeconds + seconds + 20) * 1000).unref();
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
const total = Math.round(perSecond * (warmUpSeconds + seconds)), first = Math.round(perSecond * warmUpSeconds);
const taken = [], failed = {}; let sent = 0;
const began = performance.now();
const send = (index) => new Promise((resolve) => {
  const at = performance.now();
  const end = (problem) => {
    if (problem !== undefined) failed[problem] = (failed[problem] ?? 0) + 1;
    else if (index >= first) taken.push((performance.now() - at) / 1000);
    resolve();
  };
  const asked = request(url, { agent, timeout: 10_000 }, (answer) => {
    answer.resume().on("end", () => end(answer.statusCode === 200 ? undefined : String(answer.statusCode))).on("error", (error) => end(error.code));
  });
  asked.on("timeout", () => asked.destroy(new Error("timeout"))).on("error", (error) => end(error.code ?? error.message)).end();
});
const all = [];
while (sent < total) {
  const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * perSecond) + 1);
  while (sent < due) all.push(send(sent++));
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await Promise.all(all);
agent.destroy();
console.log(JSON.stringify({ seconds: taken.sort((a, b) => a - b).map((one) => Number(one.toFixed(6))), sent, failed }));`;

/** Loads a URL for as long as is said, and no longer; most 32 connections. @throws when the generator does not end in time */
export async function putLoad(own: Pick<OwnHosts, "kubectl">, { from, ...load }: Load): Promise<LoadResult> {
  const node = ["node", "--input-type=module", "--eval", generator, "--", JSON.stringify(load)];
  return JSON.parse(
    await own.kubectl(["exec", "-n", "apps", `deploy/${from}`, "-c", from, "--", ...node]),
  ) as LoadResult;
}
