import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stateDir } from "../../local/paths.ts";
import { processLives } from "../../engine/lock.ts";
import { afterEach, describe, expect, test } from "vitest";
import {
  anyServiceRuns,
  logFile,
  logTail,
  serviceListens,
  servicePid,
  serviceState,
  startService,
  stopService,
  type Service,
} from "../../local/service.ts";

const name = `test-${process.pid}`;
const shell = (script: string, ready: () => Promise<boolean> = () => Promise.resolve(true)): Service => ({
  name,
  command: "/bin/sh",
  args: ["-c", script],
  ready,
  readySeconds: 2,
});

afterEach(async () => {
  await stopService(name);
  rmSync(logFile(name), { force: true });
});

describe("a service of the local run", () => {
  test("starts once, stays, and is ended by its id", async () => {
    expect(await startService(shell("exec sleep 60"))).toBe(true);
    const pid = servicePid(name);
    expect(await startService(shell("exec sleep 60"))).toBe(false);
    expect(servicePid(name)).toBe(pid);
    await stopService(name);
    expect(serviceState(name)).toBe("stopped");
    expect(processLives(pid ?? 0)).toBe(false);
  });

  test("lives for another checkout until its process has ended, whatever its record says", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quorum-services-"));
    expect(anyServiceRuns(folder)).toBe(false);
    await startService(shell("exec sleep 60"));
    cpSync(join(stateDir, "services", `${name}.json`), join(folder, "services", "host-a.json"));
    expect(anyServiceRuns(folder)).toBe(true);
    await stopService(name);
    expect(anyServiceRuns(folder)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  test("is started anew when its command changed", async () => {
    await startService(shell("exec sleep 60"));
    const pid = servicePid(name);
    expect(await startService(shell("exec sleep 61"))).toBe(true);
    expect(servicePid(name)).not.toBe(pid);
  });

  test("is told from another process that listens on a port", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const script =
      "require('net').createServer().listen(0, '127.0.0.1', function () { console.log('port ' + this.address().port) })";
    const answer = () => /port (\d+)/.exec(logTail(name))?.[1];
    await startService({
      name,
      command: process.execPath,
      args: ["-e", script],
      ready: () => Promise.resolve(answer() !== undefined),
    });
    expect(serviceListens(name, Number(answer()))).toBe(true);
    expect(serviceListens(name, port)).toBe(false);
    other.close();
  });

  test("that dies while it starts is named, with the last lines of its log", async () => {
    const dying = startService(shell("echo the-reason >&2; exit 3", () => Promise.resolve(false)));
    await expect(dying).rejects.toThrow(
      new RegExp(`${name} died while it started; .*${name}\\.log:\\n.*the-reason`, "s"),
    );
    expect(serviceState(name)).toBe("died");
  });

  test("that never answers is named, with its log", async () => {
    const silent = startService(shell("echo waiting-for-godot; exec sleep 60", () => Promise.resolve(false)));
    await expect(silent).rejects.toThrow(/did not answer within 2 s.*waiting-for-godot/s);
  });
});
