import { planControlPlane } from "../components/plan/control-plane/control-plane.ts";
import type { HostSettings, KubeadmSettings } from "../components/plan/control-plane/hosts.ts";
import { loadStack } from "../engine/load-stack.ts";
import { behindBalancer, holdersOf, loseHost } from "../test/cluster/host-loss.ts";
import { OwnHosts, type OwnHostsOptions } from "../test/cluster/own-hosts.ts";
import { eventually } from "../test/cluster/quorum.ts";
import { beginByHand } from "./by-hand.ts";
import { median } from "./measure.ts";
import type { Row } from "./table.ts";

export interface ControlPlaneBenchOptions {
  /** Of the losses of hosts; everything else is measured once, as it takes minutes. @default 3 */
  readonly rounds: number | undefined;
  readonly log: (line: string) => void;
}

const planRounds = 20;
const writers = 8;
const writingMillis = 15_000;

/** Control planes of 1 and 3 hosts of this machine: planned, begun, written to, and bereft of a host. */
export async function benchControlPlane({ rounds = 3, log }: ControlPlaneBenchOptions): Promise<Row[]> {
  const three = behindBalancer("bench");
  const [name = "", address = ""] = Object.entries(three.hosts)[0] ?? [];
  const one: OwnHostsOptions = { name: "bench", hosts: { [name]: address } };
  const direct = { ...three, controlPlane: { endpoint: `${address}:6443` } };
  return [
    ...[10, 100].map(benchPlan),
    ...(await benchHosts("1 host", one, one, log, async (own) => [await benchWrites("1 member", own, log)])),
    ...(await benchHosts("3 hosts", three, direct, log, async (own) => [
      await benchWrites("3 members", own, log),
      await benchLoss("leader", own, rounds, log),
      await benchLoss("follower", own, rounds, log),
    ])),
  ];
}

/** Three hosts with etcd and an API server, the rest workers. */
export function benchPlan(count: number): Row {
  const { controlPlane } = loadStack("prod");
  if (controlPlane.mode === "existing") throw new Error("stack prod plans no control plane");
  const hosts = Array.from({ length: count }, (_, index): [string, HostSettings] => [
    `host-${String(index).padStart(3, "0")}`,
    { address: `192.0.2.${index + 1}`, role: index < 3 ? "control-plane" : "worker" },
  ]);
  const settings: KubeadmSettings = { ...controlPlane, hosts: Object.fromEntries(hosts) };
  const taken = Array.from({ length: planRounds }, () => {
    const began = performance.now();
    planControlPlane(settings);
    return (performance.now() - began) / 1000;
  });
  return row(`plan of ${count} hosts`, taken, {
    note: `every loss of one and of two hosts is counted; ${planRounds} rounds`,
  });
}

/** From bare hosts to nodes that are Ready: `up`, and beside it kubeadm by hand; then what is done with the cluster of `up`. */
async function benchHosts(
  what: string,
  ours: OwnHostsOptions,
  theirs: OwnHostsOptions,
  log: (line: string) => void,
  more: (own: OwnHosts) => Promise<Row[]>,
): Promise<Row[]> {
  log(`kubeadm by hand on ${what}`);
  const byHand = await onHosts(theirs, async (own) => timed(() => beginByHand(own)));
  log(`up on ${what}`);
  return onHosts(ours, async (own) => {
    const up = await timed(() => own.up());
    const name = `up, from bare ${what} to ready`;
    return [
      {
        ...row(name, [up]),
        note: "with checks, hardening, encryption and, for 3, the balancer; and the stack's 26 objects",
      },
      {
        ...row(`kubeadm by hand, ${what}`, [byHand]),
        ratio: byHand / up,
        note: "without any of these; its endpoint is the first host",
      },
      ...(await more(own)),
    ];
  });
}

async function onHosts<Answer>(options: OwnHostsOptions, work: (own: OwnHosts) => Promise<Answer>): Promise<Answer> {
  const own = await OwnHosts.make(options);
  try {
    return await work(own);
  } finally {
    await own.remove();
  }
}

/** Several writers at once, each of which waits for its answer: how much the cluster takes, and how long one write takes. */
async function benchWrites(what: string, own: OwnHosts, log: (line: string) => void): Promise<Row> {
  log(`writes with ${what}`);
  const all = await Promise.all(
    Array.from({ length: writers }, (_, index) => own.write({ namespace: `bench-${index}`, pauseMillis: 0 })),
  );
  await new Promise((resolve) => setTimeout(resolve, writingMillis));
  await Promise.all(all.map((writer) => writer.stop()));
  const acknowledged = all.flatMap((writer) => writer.acknowledged);
  const seconds = acknowledged.map(({ sentAt, acknowledgedAt }) => (acknowledgedAt - sentAt) / 1000);
  const rate = all.reduce((sum, writer) => sum + writer.rate(0, writingMillis), 0);
  const failed = all.reduce((sum, writer) => sum + writer.failed.length, 0);
  return row(`a write with ${what}`, seconds, {
    remark: `${rate.toFixed(0)} writes/s`,
    note: `ConfigMaps through the endpoint by ${writers} clients at once, ${writingMillis / 1000} s; ${failed} calls failed`,
  });
}

/** From the last good write to the next one when a host loses its power. */
async function benchLoss(
  which: "leader" | "follower",
  own: OwnHosts,
  rounds: number,
  log: (line: string) => void,
): Promise<Row> {
  const taken: number[] = [];
  const held: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = own.hosts[0]?.name ?? "";
    const { leader, followers } = await own.members(first);
    const victim = which === "leader" ? leader : (followers[round % followers.length] ?? "");
    log(`round ${round + 1}: the host of a ${which} is lost, ${victim}`);
    if ((await holdersOf(own)).includes(victim)) held.push(round + 1);
    const writer = await own.write({ namespace: `loss-${which}-${round}`, pauseMillis: 5 });
    await writer.progress(100, 120);
    taken.push((await loseHost(own, writer, victim)) / 1000);
    await writer.stop();
    await own.start(victim);
    await recovered(own);
  }
  return row(`writes pause, ${which}'s host lost`, taken, {
    note: `a client that gives a call up after 1 s; ${held.length === 0 ? "it never held the address" : `it held the address in round ${held.join(", ")}`}`,
  });
}

/** Until every API server is ready, and the address is back where it was. */
async function recovered(own: OwnHosts): Promise<void> {
  await eventually("every host is back", 240, async () => {
    const asked = own.hosts.map(({ name }) =>
      own.trySsh(name, "curl --silent --fail http://127.0.0.1:8404/api-server"),
    );
    const well = (await Promise.all(asked)).every(({ code }) => code === 0);
    return well && (await holdersOf(own))[0] === own.hosts[0]?.name ? true : undefined;
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function row(measurement: string, taken: readonly number[], more: Pick<Row, "remark" | "note"> = {}): Row {
  const sorted = [...taken].sort((a, b) => a - b);
  const range = taken.length > 1 ? ([sorted[0] ?? NaN, sorted.at(-1) ?? NaN] as const) : undefined;
  return { measurement, seconds: median(taken), ...(range && { range }), ...more };
}
