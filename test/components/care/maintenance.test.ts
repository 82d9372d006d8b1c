import { beforeEach, describe, expect, it, vi } from "vitest";
import type { EtcdClient, MemberStatus } from "../../../components/control-plane/care/etcd.mjs";
import { maintain, maintenanceFigures, needsDefrag } from "../../../components/control-plane/care/maintenance.mjs";

const mebibyte = 1024 * 1024;
const rule = { quotaPercent: 80, freeMiB: 200 };

describe("a member is worth a defragmentation", () => {
  it.each([
    ["with 81 % of its quota", { dbSize: 81, dbSizeInUse: 81, quota: 100 }, true],
    ["not with 80 %", { dbSize: 80, dbSizeInUse: 80, quota: 100 }, false],
    [
      "with more than 200 MiB unused",
      { dbSize: 300 * mebibyte, dbSizeInUse: 99 * mebibyte, quota: 2048 * mebibyte },
      true,
    ],
    ["not with 200 MiB", { dbSize: 300 * mebibyte, dbSizeInUse: 100 * mebibyte, quota: 2048 * mebibyte }, false],
    ["not by a quota that nobody tells", { dbSize: 100, dbSizeInUse: 100, quota: 0 }, false],
  ])("%s", (_, sizes, wanted) => expect(needsDefrag(sizes, rule)).toBe(wanted));
});

/** A cluster that is told what goes wrong, and remembers what was asked of it. */
function cluster(count = 3) {
  const endpoints = Array.from({ length: count }, (_, index) => `m${index}`);
  const state = {
    leader: "m0",
    sizes: new Map(endpoints.map((endpoint) => [endpoint, 500 * mebibyte])),
    sick: new Map<string, string>(),
    alarms: [] as string[],
    names: [...endpoints],
    /** Called when a member is about to be defragmented. */
    onDefrag: undefined as ((endpoint: string) => void) | undefined,
  };
  const log: string[] = [];
  const status = (endpoint: string): MemberStatus => ({
    endpoint,
    id: endpoint,
    clusterId: "1",
    revision: 1,
    version: "3.7.0",
    leads: state.leader === endpoint,
    leader: state.leader,
    isLearner: false,
    errors: [],
    dbSize: state.sizes.get(endpoint) ?? 0,
    dbSizeInUse: 100 * mebibyte,
    quota: 2048 * mebibyte,
  });
  const never = () => Promise.reject(new Error("not asked for"));
  const client: EtcdClient = {
    health: (endpoint) => {
      const reason = state.sick.get(endpoint);
      return reason === undefined ? Promise.resolve("") : Promise.reject(new Error(reason));
    },
    status: (endpoint) => Promise.resolve(status(endpoint)),
    members: () =>
      Promise.resolve(
        state.names.map((name) => ({ id: name, name, peerUrls: [], clientUrls: [name], learner: false })),
      ),
    alarms: () => Promise.resolve(state.alarms),
    disarm: () => {
      log.push("disarm");
      return Promise.resolve("");
    },
    defrag: (endpoint) => {
      log.push(endpoint);
      state.sizes.set(endpoint, 100 * mebibyte);
      state.onDefrag?.(endpoint);
      return Promise.resolve("");
    },
    hashKV: never,
    count: never,
    read: never,
    put: never,
    save: never,
  };
  const run = (dryRun = false) => maintain(client, { name: "etcd", endpoints, rule, dryRun });
  return { state, log, run };
}

describe("maintenance", () => {
  beforeEach(() => {
    vi.useRealTimers();
    vi.spyOn(console, "log").mockImplementation(() => undefined);
  });

  it("takes one member after the other, the leader last", async () => {
    const { log, run } = cluster();
    const done = await run();
    expect(log).toEqual(["m1", "m2", "m0"]);
    expect(done.get("m0")).toEqual({ before: 500 * mebibyte, after: 100 * mebibyte, needed: true, done: true });
  });

  it("leaves those alone that are not worth it", async () => {
    const { state, log, run } = cluster();
    state.sizes.set("m1", 150 * mebibyte);
    state.sizes.set("m0", 150 * mebibyte);
    await run();
    expect(log).toEqual(["m2"]);
  });

  it("asks anew who leads: one that began to lead meanwhile comes last", async () => {
    const { state, log, run } = cluster();
    state.onDefrag = () => void (state.leader = "m2");
    await run();
    expect(log).toEqual(["m1", "m0", "m2"]);
  });

  it("touches nothing when a member is not well", async () => {
    const { state, log, run } = cluster();
    state.sick.set("m2", "connection refused");
    await expect(run()).rejects.toThrow("m2 is not healthy, so nothing is defragmented: connection refused");
    expect(log).toEqual([]);
  });

  it("stops at the first after which one is not well", async () => {
    vi.useFakeTimers();
    const { state, log, run } = cluster();
    state.onDefrag = (endpoint) => void state.sick.set(endpoint, "context deadline exceeded");
    const ended = expect(run()).rejects.toThrow("m1 is not healthy");
    await vi.advanceTimersByTimeAsync(120_000);
    await ended;
    expect(log).toEqual(["m1"]);
  });

  it("waits for one that needs a moment", async () => {
    vi.useFakeTimers();
    const { state, log, run } = cluster(1);
    state.onDefrag = (endpoint) => {
      state.sick.set(endpoint, "not yet");
      setTimeout(() => state.sick.clear(), 5000);
    };
    const ended = run();
    await vi.advanceTimersByTimeAsync(10_000);
    await ended;
    expect(log).toEqual(["m0"]);
  });

  it("only says what it would do, when asked to", async () => {
    const { log, run } = cluster();
    const result = await run(true);
    expect(log).toEqual([]);
    expect(result.get("m0")).toMatchObject({ needed: true, done: false });
    const said = vi.mocked(console.log).mock.calls.flat().join("\n");
    expect(said).toMatch(/m1 would be defragmented\n[^]*m0 would be defragmented, as the last, since it leads/);
  });

  it("refuses a cluster with members that nobody told it of", async () => {
    const { state, log, run } = cluster();
    state.names.push("stranger");
    await expect(run()).rejects.toThrow("has members that quorum:controlPlane does not name: stranger");
    expect(log).toEqual([]);
  });

  it("makes room in a full one, and lets it write again", async () => {
    const { state, log, run } = cluster();
    for (const endpoint of ["m0", "m1", "m2"]) {
      state.sick.set(endpoint, "Active Alarm(s): NOSPACE");
      state.sizes.set(endpoint, 2000 * mebibyte);
    }
    state.alarms.push("memberID:1 alarm:NOSPACE");
    await run();
    expect(log).toEqual(["m1", "m2", "m0", "disarm"]);
  });

  it("leaves the alarm of one that is full still, and of one that is corrupt", async () => {
    const full = cluster();
    full.state.alarms.push("memberID:1 alarm:NOSPACE");
    full.state.onDefrag = (endpoint) => void full.state.sizes.set(endpoint, 1900 * mebibyte);
    await full.run();
    expect(full.log).not.toContain("disarm");
    const corrupt = cluster();
    corrupt.state.sick.set("m1", "Active Alarm(s): CORRUPT");
    await expect(corrupt.run()).rejects.toThrow("m1 is not healthy");
  });
});

describe("figures", () => {
  it("are one for each member and each certificate", () => {
    const text = maintenanceFigures({
      run: { time: 7, succeeded: true },
      good: { time: 7 },
      members: [{ etcd: "events", member: "https://a:2479", before: 9, after: 4, needed: false, done: true }],
      certificates: [[{ certificate: 'an "odd" one', host: "a" }, 99]],
    });
    expect(text).toContain('quorum_etcd_maintenance_size_after_bytes{etcd="events",member="https://a:2479"} 4\n');
    expect(text).toContain(
      'quorum_control_plane_certificate_end_timestamp_seconds{certificate="an \\"odd\\" one",host="a"} 99\n',
    );
  });
});
