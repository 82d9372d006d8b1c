import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OwnStack } from "../cluster/own-stack.ts";
import { eventually, kubectl, pods } from "../cluster/quorum.ts";

const stack = new OwnStack("prometheus-pair");
const namespace = stack.monitoring;
const port = 9485;
const intervalSeconds = 2;
const replicas = ["prometheus-0", "prometheus-1"] as const;

beforeAll(
  () =>
    stack.up({
      monitoring: {
        prometheus: {
          replicas: 2,
          scrapeIntervalSeconds: intervalSeconds,
          retentionDays: 1,
          storageGiB: 1,
          expose: { port },
          cpuMillis: 20,
          memoryMiB: 192,
        },
        metricsServer: { enabled: false },
      },
    }),
  180_000,
);
afterAll(() => stack.down(), 120_000);

interface Scrapes {
  readonly data: { readonly result: readonly { readonly values: readonly (readonly [number, string])[] }[] };
}

/** Asks for every time at which a replica was scraped in the last minutes. */
const scrapesOf = (replica: string) =>
  `/api/v1/query?query=${encodeURIComponent(`up{job="prometheus",pod="${replica}"}[5m]`)}`;

/** One series for each address that the replica had. */
const timesOf = ({ data }: Scrapes) =>
  data.result.flatMap(({ values }) => values.map(([time]) => time)).sort((a, b) => a - b);

/** The longest time without a sample, in seconds. */
function longestGap(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
}

/** Asks one replica, past their Service. */
async function askReplica<T>(replica: string, path: string): Promise<T> {
  return JSON.parse(
    await kubectl(["get", "--raw", `/api/v1/namespaces/${namespace}/pods/${replica}:9090/proxy${path}`]),
  ) as T;
}

/** Asks through the Service, a new connection each time. */
async function ask<T>(path: string): Promise<T> {
  const answer = await fetch(`http://localhost:${port}${path}`, {
    headers: { connection: "close" },
    signal: AbortSignal.timeout(2000),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return (await answer.json()) as T;
}

test("of a pair one is killed: its Service answers from the other, which has no gap, and it has its own series again", async () => {
  for (const replica of replicas)
    await eventually(`${replica} has scraped both`, 60, async () => {
      const counts = await Promise.all(replicas.map((other) => askReplica<Scrapes>(replica, scrapesOf(other))));
      return counts.every((answer) => timesOf(answer).length >= 3) ? true : undefined;
    });
  // The worst case: the one that readers are with.
  const { data } = await ask<{ data: { yaml: string } }>("/api/v1/status/config");
  const killed = /replica: (prometheus-\d)/.exec(data.yaml)?.[1] ?? "";
  const survivor = replicas.find((replica) => replica !== killed) ?? "";
  expect([killed, survivor].sort()).toEqual(replicas);
  const uid = (await pods("prometheus-server", namespace)).find(({ name }) => name === killed)?.uid;
  const before = timesOf(await askReplica<Scrapes>(killed, scrapesOf(killed)));

  await kubectl(["delete", "pod", "--namespace", namespace, killed, "--grace-period=0", "--force"]);
  const killedAt = Date.now() / 1000;
  let during = await eventually("the Service answers from the other", 15, () => ask<Scrapes>(scrapesOf(survivor)));
  await eventually(`${killed} is back`, 90, async () => {
    const anew = (await pods("prometheus-server", namespace)).find(({ name }) => name === killed);
    if (anew !== undefined && anew.uid !== uid && anew.ready) return true;
    during = await ask<Scrapes>(scrapesOf(survivor));
    return undefined;
  });
  await sleep(2 * intervalSeconds * 1000);

  // What readers got while there was one, and what that one has after all: no scrape is missing.
  const kept = await askReplica<Scrapes>(survivor, scrapesOf(survivor));
  for (const answer of [during, kept]) {
    const times = timesOf(answer);
    expect(times.at(0)).toBeLessThan(killedAt);
    expect(times.at(-1)).toBeGreaterThan(killedAt);
    expect(longestGap(times)).toBeLessThan(2 * intervalSeconds);
  }

  // It was not let write anything down, so its log of the last minutes is what it has.
  const again = timesOf(await askReplica<Scrapes>(killed, scrapesOf(killed)));
  expect(again.slice(0, before.length)).toEqual(before);
  expect(again.length).toBeGreaterThan(before.length);
}, 120_000);
