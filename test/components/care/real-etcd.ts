import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EtcdPrograms } from "../../../components/control-plane/care/etcd.mjs";
import { binaryPath } from "../../../local/toolchain.ts";

export const programs: EtcdPrograms = {
  etcd: binaryPath("etcd", "etcd"),
  etcdctl: binaryPath("etcd", "etcdctl"),
  etcdutl: binaryPath("etcd", "etcdutl"),
};

/** Left out until the local run has built etcd: building it takes minutes. */
export const hasEtcd = Object.values(programs).every((path) => existsSync(path));

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a server has no port");
  return address.port;
}

/** Members of one etcd cluster, processes on loopback. */
export class RealEtcd {
  readonly endpoints: readonly string[];
  readonly #members: ChildProcess[] = [];
  readonly #folder: string;

  private constructor(endpoints: readonly string[], folder: string) {
    this.endpoints = endpoints;
    this.#folder = folder;
  }

  /** @param flags of every member, such as `--quota-backend-bytes=…` */
  static async start(members = 1, flags: readonly string[] = []): Promise<RealEtcd> {
    const folder = mkdtempSync(join(tmpdir(), "quorum-etcd-"));
    const urls = await Promise.all(
      Array.from({ length: members }, async () => ({
        client: `http://127.0.0.1:${await freePort()}`,
        peer: `http://127.0.0.1:${await freePort()}`,
      })),
    );
    const cluster = urls.map(({ peer }, index) => `m${index}=${peer}`).join(",");
    const own = new RealEtcd(
      urls.map(({ client }) => client),
      folder,
    );
    urls.forEach(({ client, peer }, index) => {
      const args = [
        ...["--name", `m${index}`, "--data-dir", join(folder, `m${index}`), "--initial-cluster", cluster],
        ...["--listen-client-urls", client, "--advertise-client-urls", client],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--log-level", "error", ...flags],
      ];
      own.#members.push(spawn(programs.etcd, args, { stdio: "ignore" }));
    });
    for (let tries = 0; ; tries += 1) {
      try {
        own.ctl(["endpoint", "health"]);
        return own;
      } catch (error) {
        if (tries === 60) throw error;
        await sleep(500);
      }
    }
  }

  ctl(args: readonly string[], input = ""): string {
    return execFileSync(programs.etcdctl, [...args, "--endpoints", this.endpoints.join(",")], {
      encoding: "utf8",
      input,
      stdio: ["pipe", "pipe", "ignore"],
    });
  }

  /** Puts keys. @param size of each value, in bytes @param batch keys in one request */
  fill(from: number, to: number, size = 20, batch = 100): void {
    for (let start = from; start < to; start += batch) {
      const puts = Array.from(
        { length: Math.min(batch, to - start) },
        (_, at) => `put /registry/thing/${start + at} ${"v".repeat(size)}${start + at}`,
      );
      this.ctl(["txn"], `\n${puts.join("\n")}\n\n\n`);
    }
  }

  /** Ends one member for good. */
  async kill(index: number): Promise<void> {
    const member = this.#members[index];
    if (member?.exitCode !== null || member.signalCode !== null) return;
    member.kill("SIGKILL");
    await once(member, "exit");
  }

  /** Members hold still, as a machine that hangs, and go on. */
  signal(index: number, name: "SIGSTOP" | "SIGCONT"): void {
    this.#members[index]?.kill(name);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((_, index) => this.kill(index)));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
