import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killedWhen } from "../cluster/killed.ts";
import { makeObjects, missingObjects } from "../cluster/many-objects.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";

/** One host that loses its data in every way. What one story leaves is where the next begins. */
const host = "f-64";
const objects = 100;
let own: OwnHosts;
let folder: string;
let snapshot: string;

const etcdContainer = `$(ctr -n k8s.io containers ls -q 'labels."io.kubernetes.container.name"==etcd' | while read -r id; do ctr -n k8s.io tasks ls -q | grep -x "$id" || true; done)`;

/** etcd's files are broken, so that it does not start any more. */
const breakLog = `wal=$(ls /var/lib/etcd/member/wal/*.wal | tail -1)
dd if=/dev/urandom of=$wal bs=4k seek=1 count=4 conv=notrunc 2>/dev/null
ctr -n k8s.io tasks kill -s SIGKILL ${etcdContainer}
sleep 3`;

const revision = async () =>
  BigInt(
    await own.kubectl([
      ...["create", "configmap", `probe-${Date.now()}`, "--namespace", "keep"],
      ...["--output", "jsonpath={.metadata.resourceVersion}"],
    ]),
  );

/** What the host is like, apart from what only a clock decides. */
async function state(): Promise<string> {
  return own.ssh(
    host,
    `ls /etc/kubernetes /etc/kubernetes/manifests /etc/kubernetes/pki /etc/kubernetes/pki/etcd | grep -v '\\.old$'
ls -d /var/lib/etcd/member
[ -e /etc/kubernetes/quorum/recoveries/under-way ] && echo under way
[ -e /etc/kubernetes/quorum/recoveries/mending ] && echo mending
cat /etc/kubernetes/quorum/facts.applied`.replace(/\n$/, "") + "\ntrue\n",
  );
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorum-recover-test-"));
  own = await OwnHosts.make({ name: "f-one", hosts: { [host]: "10.210.0.64" } }, console.log);
  await own.up();
  await makeObjects(own, "keep", objects);
  await own.etcdctl(host, "snapshot save /root/s.db >&2");
  snapshot = join(folder, "keep.db");
  writeFileSync(snapshot, Buffer.from(await own.ssh(host, "base64 /root/s.db; rm /root/s.db"), "base64"));
});

afterAll(async () => {
  await own.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe("a single host", () => {
  test("that is well is not recovered, and says the way", async () => {
    const { code, stderr } = await own.tryOperate("recover");
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/has a quorum: etcd of f-64 answers.*replace HOST.*recover --member HOST.*npm run up/);
  });

  test("whose log is broken comes back from its own data, with revisions far past the old ones", async () => {
    const before = await revision();
    await own.ssh(host, breakLog);
    const { stdout } = await own.operate("recover");
    expect(stdout).toMatch(/brought back from the data of f-64, revision \d+/);
    expect(stdout).toContain("1 of 1 etcd members answer, 1 must agree: 0 may fail");
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
    expect((await revision()) - before).toBeGreaterThan(1_000_000_000n - 1000n);
    expect(await own.ssh(host, "ls -d /var/lib/etcd-aside-*/member")).toContain("/member");
  });

  test("that has lost its data and begun an empty cluster comes back from a snapshot alone", async () => {
    const before = await revision();
    await own.ssh(
      host,
      `mv /etc/kubernetes/manifests/etcd.yaml /root/
for i in $(seq 60); do [ -n "${etcdContainer}" ] || break; sleep 1; done
rm -rf /var/lib/etcd/member
mv /root/etcd.yaml /etc/kubernetes/manifests/
for i in $(seq 60); do [ -d /var/lib/etcd/member/snap ] && break; sleep 1; done
sleep 5`,
    );
    const refused = await own.tryOperate("recover");
    expect(refused.stderr).toMatch(/--from is survivor, but no host has etcd's data whole \(f-64: none\)/);
    const { stdout } = await own.operate("recover", "--from", snapshot);
    expect(stdout).toContain("has lost its data and begun an empty cluster");
    expect(stdout).toContain("Lost: every write after keep.db");
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
    // The snapshot is older than the recovery before, and its revisions must pass those too.
    expect(await revision()).toBeGreaterThan(before);
  });

  test("refuses a snapshot that was cut short, is none, or is of another cluster, by one message", async () => {
    const cut = join(folder, "cut.db");
    await own.ssh(host, breakLog);
    const { readFileSync } = await import("node:fs");
    const whole = readFileSync(snapshot);
    writeFileSync(cut, whole.subarray(0, whole.length - 4096));
    expect((await own.tryOperate("recover", "--from", cut)).stderr).toMatch(/cut short/);
    const changed = Buffer.from(whole);
    changed[changed.length / 2] = (changed[changed.length / 2] ?? 0) ^ 1;
    writeFileSync(cut, changed);
    expect((await own.tryOperate("recover", "--from", cut)).stderr).toMatch(/checksum is wrong/);
    expect((await own.tryOperate("recover", "--from", "/nowhere")).stderr).toMatch(/there is no such file/);
    await own.operate("recover", "--from", snapshot);
  });
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
    const whole = await state();
    await own.ssh(host, breakLog);
    await killedWhen(
      ["control-plane", "recover", "--from", snapshot, ...own.flags()],
      new RegExp(`\\d/\\d f-64: ${step}`),
    );
    await own.operate("recover", "--from", snapshot);
    expect(await state()).toBe(whole);
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
  });
});

describe("a machine that is gone", () => {
  test("is a new one, and the cluster comes back on it from the snapshot", async () => {
    await own.remake(host);
    const refused = await own.tryOperate("recover", "--from", snapshot);
    expect(refused.stderr).toMatch(/host key/);
    const { stdout, stderr, code } = await own.tryOperate("recover", "--dead", host, "--from", snapshot);
    // Without an archive the keys of encryption are gone; what is not encrypted would come back.
    expect([code, stdout + stderr]).toEqual([1, expect.stringMatching(/gives no keys of encryption/)]);
    own.change({ controlPlane: { encryption: { provider: "identity" } } });
    const again = await own.operate("recover", "--dead", host, "--from", snapshot);
    expect(again.stdout).toContain("new ones are made");
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
  });
});
