import { setTimeout as sleep } from "node:timers/promises";
import { refuseForeignBridge } from "../local/hosts.ts";
import { type OwnHosts, withOwnHosts } from "../test/cluster/own-hosts.ts";
import { declared, Msgd, pay, PayChain, paySections, times } from "../test/cluster/pay-chain.ts";
import { containersOf, cpuSeconds } from "./container-cpu.ts";
import { type LoadResult, putLoad } from "./load.ts";
import { median, quantile } from "./measure.ts";
import { benchRoutes } from "./mesh-routes.ts";
import type { Row } from "./table.ts";

export interface MeshBenchOptions {
  /** Of the loads and of the plan. @default 5 */
  readonly rounds: number | undefined;
  readonly log: (line: string) => void;
}

const perSecond = 200;
const loadSeconds = 10;
const warmUpSeconds = 3;
const idleSeconds = 10;
/** Each is an `up`. */
const shifts = 3;
/** Longer than any `up` that moves weights. */
const watchedSeconds = 90;
const old = { "v0.1": { weight: 100 }, "v0.2": { weight: 0 } };
const moved = { "v0.1": { weight: 0 }, "v0.2": { weight: 100 } };

/** What a mesh costs requests and the machine, how soon it follows new weights, and the plan of a large one. */
export async function benchMesh({ rounds = 5, log }: MeshBenchOptions): Promise<Row[]> {
  // Before anything is measured: the hosts of a machine belong to one checkout.
  await refuseForeignBridge();
  const rows = benchRoutes(rounds);
  const options = { name: "bench-mesh", hosts: { "bench-mesh": "10.210.0.91" }, sections: sections(old) };
  await withOwnHosts(
    options,
    async (own) => {
      const msgd = await Msgd.start();
      try {
        log("up of a host with the mesh");
        await own.up();
        rows.push(...(await benchLoads(own, rounds, log)), await benchShifts(own, log));
      } finally {
        await msgd.end();
      }
    },
    log,
  );
  return rows;
}

type Map = Readonly<Record<string, unknown>>;

/** The sample in a mesh, and beside it, in the same namespace of the same cluster, its caller and first callee outside of the mesh. */
export function sections(versions: Map): Map {
  const monitoring = { prometheus: { enabled: false } };
  const { services, ...others } = paySections({ external: declared, versions, monitoring });
  const { front, svca, ...rest } = services as Record<"front" | "svca", Map>;
  const resources = { cpuMillis: 10, memoryMiB: 192 };
  const caller = { ...front, resources };
  return {
    ...others,
    services: {
      ...rest,
      front: caller,
      svca,
      "bare-front": { ...caller, mesh: false, calls: ["bare-svca"] },
      "bare-svca": { ...svca, mesh: false, calls: [] },
    },
  };
}

interface Way {
  readonly from: string;
  readonly to: string;
}

const meshed: Way = { from: "front", to: "svca" };
const bare: Way = { from: "bare-front", to: "bare-svca" };

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly sent: number;
  readonly failed: number;
  /** CPU time that each container took for one request, in seconds. */
  readonly cpu: Readonly<Record<"callerProxy" | "calleeProxy" | "callee", number>>;
}

/** The containers that are watched, by what they are; those that a way has not take no time. */
type Watched = Readonly<Record<keyof Measured["cpu"], string | undefined>>;

async function benchLoads(own: OwnHosts, rounds: number, log: (line: string) => void): Promise<Row[]> {
  const ways = await Promise.all(
    [meshed, bare].map(async (way) => {
      const [caller, callee] = [await containersOf(own, way.from), await containersOf(own, way.to)];
      const watched: Watched = {
        callerProxy: caller.get("istio-proxy"),
        calleeProxy: callee.get("istio-proxy"),
        callee: callee.get(way.to),
      };
      return { way, watched, idle: await cpuDuring(watched, () => sleep(idleSeconds * 1000)), taken: [] as Measured[] };
    }),
  );
  for (let round = 0; round < rounds; round++) {
    log(`round ${round + 1} of ${rounds}: ${perSecond} requests/s for ${loadSeconds} s each, in the mesh and outside`);
    // Each comes first in every other round.
    for (const { way, watched, idle, taken } of round % 2 === 0 ? ways : ways.toReversed())
      taken.push(await loadOnce(own, way, watched, idle));
  }
  return loadRows(...(ways.map(({ taken }) => taken) as [Measured[], Measured[]]));
}

type Cpu = Record<keyof Measured["cpu"], number>;

/** CPU time of containers while something is done, in seconds, and how long that took. */
async function cpuDuring(watched: Watched, work: () => Promise<unknown>): Promise<{ cpu: Cpu; seconds: number }> {
  const look = () =>
    Object.entries(watched).map(([what, id]): [string, number] => [what, id === undefined ? 0 : cpuSeconds(id)]);
  const began = performance.now();
  const before = new Map(look());
  await work();
  const cpu = Object.fromEntries(look().map(([what, after]) => [what, after - (before.get(what) ?? 0)])) as Cpu;
  return { cpu, seconds: (performance.now() - began) / 1000 };
}

async function loadOnce(
  own: OwnHosts,
  { from, to }: Way,
  watched: Watched,
  idle: { readonly cpu: Cpu; readonly seconds: number },
): Promise<Measured> {
  let result: LoadResult | undefined;
  const { cpu, seconds } = await cpuDuring(watched, async () => {
    result = await putLoad(own, {
      from,
      url: `http://${to}/health`,
      perSecond,
      seconds: loadSeconds,
      warmUpSeconds,
    });
  });
  if (result === undefined || result.seconds.length === 0)
    throw new Error(`of the load from ${from} on ${to} no request was answered: ${JSON.stringify(result?.failed)}`);
  const { sent, failed } = result;
  const perRequest = Object.entries(cpu).map(([what, taken]) => [
    what,
    Math.max(0, taken - (idle.cpu[what as keyof Cpu] * seconds) / idle.seconds) / sent,
  ]);
  return {
    p50: quantile(result.seconds, 0.5),
    p99: quantile(result.seconds, 0.99),
    sent,
    failed: Object.values(failed).reduce((sum, one) => sum + one, 0),
    cpu: Object.fromEntries(perRequest) as Cpu,
  };
}

/** Of rounds in turn, the one in the mesh beside the one outside of it. */
export function loadRows(inMesh: readonly Measured[], outside: readonly Measured[]): Row[] {
  const failed = [...inMesh, ...outside].reduce((sum, one) => sum + one.failed, 0);
  const sent = [...inMesh, ...outside].reduce((sum, one) => sum + one.sent, 0);
  const cores = (of: readonly Measured[], what: keyof Cpu) => 1000 * (median(of.map(({ cpu }) => cpu[what])) ?? NaN);
  const [caller, callee] = [cores(inMesh, "callerProxy"), cores(inMesh, "calleeProxy")];
  return [
    ...(["p50", "p99"] as const).flatMap((which) => {
      const [ours, theirs] = [inMesh, outside].map((of) => of.map((one) => one[which]));
      const added = inMesh.map((one, round) => one[which] - (outside[round]?.[which] ?? NaN));
      return [
        { ...spread(`a request in the mesh, ${which}`, ours ?? []), ratio: 1 },
        {
          ...spread(`a request outside of the mesh, ${which}`, theirs ?? []),
          ratio: (median(theirs ?? []) ?? NaN) / (median(ours ?? []) ?? NaN),
        },
        {
          ...spread(`added by the mesh, ${which}`, added),
          ...(which === "p50" && {
            note: `by two proxies, the caller's and the callee's, with mutual TLS and authorization; ${perSecond} requests/s, ${loadSeconds} s a round; ${failed} of ${sent} failed`,
          }),
        },
      ];
    }),
    {
      measurement: "CPU of the two proxies",
      remark: `${(caller + callee).toFixed(2)} cores for 1,000 requests/s: ${caller.toFixed(2)} the caller's, ${callee.toFixed(2)} the callee's`,
      note: `as measured at ${perSecond} requests/s, without what they take when idle`,
    },
    {
      measurement: "CPU of the callee itself",
      remark: `${cores(inMesh, "callee").toFixed(2)} cores for 1,000 requests/s in the mesh, ${cores(outside, "callee").toFixed(2)} outside`,
    },
  ];
}

/** From the beginning of an `up` that moves all requests to another version to the last one that the version before has begun to answer. */
async function benchShifts(own: OwnHosts, log: (line: string) => void): Promise<Row> {
  const chain = new PayChain(own);
  const [taken, ups]: [number[], number[]] = [[], []];
  let failed = 0;
  for (let round = 0; round < shifts; round++) {
    const [left, to] = round % 2 === 0 ? ["v0.1", moved] : ["v0.2", old];
    log(`weights moved, ${round + 1} of ${shifts}`);
    own.change({ sections: sections(to) });
    const [{ began, seconds }, { seen, last }] = await Promise.all([
      upOnceWatched(own),
      chain.ask("front", pay, { count: 100_000, seconds: watchedSeconds, width: 2 }),
    ]);
    const before = `200 v0.1 ${left} v0.1`;
    const lastOfOld = last[before] ?? NaN;
    const all = times(seen, /./);
    failed += all - times(seen, /^200 /);
    // The new version has answered alone for a while when the watch ends.
    const other = Object.entries(last).find(([key]) => key.startsWith("200 ") && key !== before)?.[1] ?? NaN;
    if (!(lastOfOld > began && other > lastOfOld + 1000))
      throw new Error(
        `in ${watchedSeconds} s requests did not move from ${left}: ${JSON.stringify({ seen, last, began })}`,
      );
    taken.push((lastOfOld - began) / 1000);
    ups.push(seconds);
  }
  return {
    ...spread("new weights, from `up` to the last request by the old ones", taken),
    remark: `of an up of ${(median(ups) ?? NaN).toFixed(1)} s`,
    note: `all requests from one version to the other and back, ${shifts} times; ${failed} requests failed`,
  };
}

/** Begins when the watch has had its first answers. */
async function upOnceWatched(own: OwnHosts): Promise<{ began: number; seconds: number }> {
  await sleep(3000);
  const began = Date.now();
  const { seconds } = await own.up();
  return { began, seconds };
}

function spread(measurement: string, taken: readonly number[]): Row {
  return { measurement, seconds: median(taken), range: [Math.min(...taken), Math.max(...taken)] };
}
