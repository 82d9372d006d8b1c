import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { breakLog, saveSnapshot } from "../cluster/broken-etcd.ts";
import { makeObjects, missingObjects } from "../cluster/many-objects.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { eventually } from "../cluster/quorum.ts";

/** Three hosts that lose their quorum again and again. What one story leaves is where the next begins. */
const [a, b, c] = ["f-61", "f-62", "f-63"] as const;
let own: OwnHosts;
let folder: string;

const memberCount = async (host: string) => (await own.etcdctl(host, "member list")).trim().split("\n").length;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorum-recover-test-"));
  own = await OwnHosts.make(
    {
      name: "f-three",
      hosts: { [a]: "10.210.0.61", [b]: "10.210.0.62", [c]: "10.210.0.63" },
      controlPlane: { endpoint: "10.210.0.61:6443" },
    },
    console.log,
  );
  await own.up();
});

afterAll(async () => {
  await own.remove();
  if (existsSync(folder)) rmSync(folder, { recursive: true });
});

describe("a member whose files are broken", () => {
  test("is given the data of the others, under writes, and nothing that was acknowledged is lost", async () => {
    const writer = await own.write();
    await own.ssh(b, breakLog);
    const { stdout } = await own.operate("recover", "--member", b);
    expect(stdout).toContain("2 of 3, 0 may fail");
    expect(stdout).toContain("3 of 3 etcd members answer, 2 must agree: 1 may fail");
    await writer.progress(20, 30);
    await writer.stop();
    expect(await writer.lost()).toEqual([]);
    expect(writer.backwards).toEqual([]);
    expect(await own.ssh(b, "ls -d /var/lib/etcd-aside-*/member/wal")).toContain("/wal");
    const again = await own.operate("recover", "--member", b);
    expect(again.stdout).toContain("there is nothing to mend");
  });
});

describe.each([
  [1000, "survivor"],
  [10_000, "snapshot"],
] as const)("two of three hosts gone for good, %i objects", (count, from) => {
  test(`come back from the ${from}: every object is there, and no watcher sees a revision go back`, async () => {
    const namespace = `objects-${count}`;
    await makeObjects(own, namespace, count);
    // The writer's own object is in the snapshot, so that its watch and its writes go on with what comes back.
    const writer = await own.write({ namespace: `writer-${count}` });
    await writer.progress(50, 60);
    const snapshot = await saveSnapshot(own, a, folder, `${count}.db`);
    await writer.progress(50, 60);
    await own.kill(b);
    await own.kill(c);
    const lost = writer.now();
    const refused = await own.tryOperate("replace", b);
    expect(refused.stderr).toContain("recover");

    const recovered = await own.operate("recover", ...(from === "survivor" ? [] : ["--from", snapshot]));
    console.log(recovered.stdout);
    expect(recovered.stdout).toContain("0 may fail");
    expect(recovered.stdout).toContain("must never start again with their disks");
    await writer.progress(20, 120);
    console.log(`${count} objects, ${from}: no write for ${Math.round(writer.longestGap(lost).millis / 1000)} s`);
    expect(writer.relisted).toBeGreaterThan(0);
    expect(writer.backwards).toEqual([]);
    expect(await missingObjects(own, namespace, count)).toEqual([]);
    if (from === "survivor") expect(await writer.lost()).toEqual([]);
    const again = await own.tryOperate("recover");
    expect([again.code, again.stdout + again.stderr]).toEqual([0, expect.stringContaining("npm run up")]);

    await own.remake(b);
    await own.remake(c);
    const joined = await own.operate("recover", "--dead", `${b},${c}`);
    expect(joined.stdout).toContain("3 of 3 etcd members answer");
    await writer.stop();
    expect(writer.backwards).toEqual([]);
    expect(await memberCount(a)).toBe(3);
    await eventually("all nodes are Ready", 120, async () => {
      const nodes = await own.kubectl(["get", "nodes", "--no-headers"]);
      return nodes
        .trim()
        .split("\n")
        .every((line) => / Ready /.test(line)) && nodes.trim().split("\n").length === 3
        ? true
        : undefined;
    });
  });
});
