import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { runProcess } from "../../engine/process.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { root } from "../cluster/quorum.ts";

/** A folder where etcd wants its next log file, on a bare etcd: it comes to light only when 64 MB of log are full. */
const folder = mkdtempSync(join(tmpdir(), "quorum-log-folder-test-"));
const data = join(folder, "data");
const client = "http://127.0.0.1:23790";
const peer = "http://127.0.0.1:23800";
let etcd: ChildProcess | undefined;
let said = "";

function start(): ChildProcess {
  const addresses = [
    ...["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer],
    ...["--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
  ];
  etcd = spawn(binaryPath("etcd", "etcd"), ["--data-dir", data, ...addresses], { stdio: ["ignore", "ignore", "pipe"] });
  etcd.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  return etcd;
}

const etcdctl = (args: readonly string[], input = "") =>
  runProcess(binaryPath("etcd", "etcdctl"), ["--endpoints", client, ...args], { input });

async function answers(): Promise<void> {
  for (let tries = 0; (await etcdctl(["endpoint", "health"])).code !== 0; tries++) {
    if (tries > 30) throw new Error(`etcd does not answer\n${said.slice(-2000)}`);
    await sleep(500);
  }
}

async function end(): Promise<void> {
  if (etcd === undefined || etcd.exitCode !== null || etcd.signalCode !== null) return;
  etcd.kill("SIGKILL");
  await once(etcd, "exit");
}

afterAll(async () => {
  await end();
  rmSync(folder, { recursive: true });
});

test("a folder 0.tmp ends etcd at each start; moved away as the runbook says, nothing is lost", async () => {
  start();
  await answers();
  await end();
  // The place of the next file, which etcd keeps ready.
  rmSync(join(data, "member/wal/0.tmp"), { force: true });
  mkdirSync(join(data, "member/wal/0.tmp"));
  const process = start();
  await answers();
  const value = "v".repeat(1_300_000);
  let acknowledged = 0;
  while (acknowledged < 100 && (await etcdctl(["put", `key-${acknowledged}`], value)).code === 0) acknowledged++;
  expect(acknowledged).toBeGreaterThan(20);
  expect(acknowledged).toBeLessThan(100);
  if (process.exitCode === null) await once(process, "exit");
  expect(said).toMatch(/member\/wal\/0\.tmp: is a directory/);

  said = "";
  const [code] = (await once(start(), "exit")) as [number];
  expect(code).not.toBe(0);
  expect(said).toMatch(/member\/wal\/0\.tmp: is a directory/);

  const page = readFileSync(join(root, "docs/runbooks/etcd-member-corrupt.md"), "utf8");
  const command = /^ssh root@\$ADDRESS '(mv .*0\.tmp.*)'$/m.exec(page)?.[1] ?? "false";
  const here = command.replace("/var/lib/etcd/", `${data}/`).replace("~/", `${folder}/`);
  expect((await runProcess("bash", ["-c", here], {})).code).toBe(0);
  start();
  await answers();
  const { stdout } = await etcdctl(["get", "key-", "--prefix", "--keys-only"]);
  const held = stdout.split("\n").filter((line) => line !== "");
  for (let index = 0; index < acknowledged; index++) expect(held).toContain(`key-${index}`);
  expect((await etcdctl(["put", "after"], "1")).code).toBe(0);
});
