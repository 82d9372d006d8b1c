import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { breakLog, saveSnapshot, stateOf } from "../cluster/broken-etcd.ts";
import { killedWhen } from "../cluster/killed.ts";
import { makeObjects, missingObjects } from "../cluster/many-objects.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";

/** One host whose recovery is cut off at each of its steps. */
const host = "f-65";
const objects = 100;
let own: OwnHosts;
let folder: string;
let snapshot: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorum-recover-test-"));
  own = await OwnHosts.make({ name: "f-killed", hosts: { [host]: "10.210.0.65" } }, console.log);
  await own.up();
  await makeObjects(own, "keep", objects);
  snapshot = await saveSnapshot(own, host, folder, "keep.db");
});

afterAll(async () => {
  await own.remove();
  rmSync(folder, { recursive: true, force: true });
});

const steps = [
  "checks the machine",
  "stops etcd",
  "restores the data",
  "begins again",
  "labels, taints",
  "notes that the recovery is over",
];

describe("recover killed by SIGKILL", () => {
  test.each(steps)("as it %s: run again, it ends in the same state", async (step) => {
    const whole = await stateOf(own, host);
    await own.ssh(host, breakLog);
    await killedWhen(
      ["control-plane", "recover", "--from", snapshot, ...own.flags()],
      new RegExp(`\\d/\\d ${host}: ${step}`),
    );
    const { seconds } = await own.operate("recover", "--from", snapshot);
    expect(await stateOf(own, host)).toBe(whole);
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
    console.log(`killed as it ${step}; the run after it took ${Math.round(seconds)} s`);
  });
});
