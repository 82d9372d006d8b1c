import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { etcdClient } from "../../components/control-plane/care/etcd.mjs";
import { maintain } from "../../components/control-plane/care/maintenance.mjs";
import { hasEtcd, programs, RealEtcd } from "../components/care/real-etcd.ts";

/** Writes one key after the other through all members, as fast as they are taken, and remembers what was not. */
class Writer {
  readonly failures: string[] = [];
  written = 0;
  slowestMilliseconds = 0;
  #goesOn = true;
  readonly #ended: Promise<void>;

  constructor(endpoints: readonly string[]) {
    this.#ended = this.#write(endpoints);
  }

  async #write(endpoints: readonly string[]): Promise<void> {
    while (this.#goesOn) {
      const began = performance.now();
      const failure = await put(endpoints, `/writer/${this.written}`);
      this.slowestMilliseconds = Math.max(this.slowestMilliseconds, performance.now() - began);
      if (failure === undefined) this.written += 1;
      else this.failures.push(failure);
    }
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#ended;
  }
}

/** One request, never sent again. */
function put(endpoints: readonly string[], key: string): Promise<string | undefined> {
  const child = spawn(programs.etcdctl, [
    "put",
    key,
    "v",
    "--endpoints",
    endpoints.join(","),
    "--command-timeout",
    "10s",
  ]);
  const said: string[] = [];
  createInterface(child.stderr).on("line", (line) => said.push(line));
  return new Promise((resolve) => child.on("close", (code) => resolve(code === 0 ? undefined : said.join(" | "))));
}

describe.skipIf(!hasEtcd)(
  "defragmentation of three members, each with more than 50 MiB unused, under constant writes",
  () => {
    let etcd: RealEtcd;
    const client = etcdClient(programs);
    const rule = { quotaPercent: 80, freeMiB: 20 };

    beforeAll(async () => {
      etcd = await RealEtcd.start(3);
      etcd.fill(0, 6000, 10_000);
      etcd.ctl(["del", "/registry/thing/", "--prefix"]);
      const { revision } = await client.status(etcd.endpoints[0] ?? "");
      etcd.ctl(["compact", String(revision), "--physical"]);
    });
    afterAll(() => etcd.stop());

    it("fails no write, makes each file small, one at a time and the leader last", async () => {
      const lines: string[] = [];
      vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
      const writer = new Writer(etcd.endpoints);
      const { endpoints } = etcd;
      const leader = (await Promise.all(endpoints.map((each) => client.status(each)))).find(
        ({ leads }) => leads,
      )?.endpoint;
      const done = await maintain(client, { name: "etcd", endpoints, rule, dryRun: false });
      await writer.stop();
      vi.mocked(console.log).mockRestore();
      console.log(
        `${writer.written} writes, the slowest ${Math.round(writer.slowestMilliseconds)} ms\n${lines.join("\n")}`,
      );

      expect(writer.failures).toEqual([]);
      expect(writer.written).toBeGreaterThan(0);
      for (const { before, after } of done.values()) {
        expect(before).toBeGreaterThan(50 * 1024 * 1024);
        expect(after).toBeLessThan(5 * 1024 * 1024);
      }
      // Begun and ended by turns: never two at a time.
      const turns = lines.flatMap((line) => {
        const [, begun, ended] = /defragmenting (\S+?),?(?: the leader)?$|: (http\S+) took/.exec(line) ?? [];
        return begun === undefined ? (ended === undefined ? [] : [`ended ${ended}`]) : [`begun ${begun}`];
      });
      expect(turns).toHaveLength(6);
      for (const [index, turn] of turns.entries()) expect(turn.split(" ")[0]).toBe(index % 2 === 0 ? "begun" : "ended");
      expect(turns[4]).toBe(`begun ${leader ?? ""}`);
      // All writes are there.
      expect(await client.count(endpoints[0] ?? "")).toBe(writer.written);
    });

    it("stops where a member hangs, with the others as they were", async () => {
      etcd.fill(0, 3000, 10_000);
      etcd.ctl(["del", "/registry/thing/", "--prefix"]);
      const { revision } = await client.status(etcd.endpoints[0] ?? "");
      etcd.ctl(["compact", String(revision), "--physical"]);
      const before = await client.status(etcd.endpoints[1] ?? "");
      etcd.signal(2, "SIGSTOP");
      await expect(maintain(client, { name: "etcd", endpoints: etcd.endpoints, rule, dryRun: false })).rejects.toThrow(
        /is not healthy, so nothing is defragmented/,
      );
      etcd.signal(2, "SIGCONT");
      expect((await client.status(etcd.endpoints[1] ?? "")).dbSize).toBe(before.dbSize);
    });
  },
);
