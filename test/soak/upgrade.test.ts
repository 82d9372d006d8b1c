import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killedWhen } from "../cluster/killed.ts";
import type { OwnHosts } from "../cluster/own-hosts.ts";
import { currentVersion, hostsOfPrevious, ofRelease, previousVersion } from "../cluster/release-hosts.ts";

const kubelets = async (own: OwnHosts) =>
  (await own.kubectl(["get", "nodes", "--output", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}"])).split(" ");
const serverVersion = async (own: OwnHosts) =>
  (JSON.parse(await own.kubectl(["get", "--raw", "/version"])) as { gitVersion: string }).gitVersion;
const etcdVersion = async (own: OwnHosts, host: string) =>
  /"version":"([^"]+)"/.exec(await own.etcdctl(host, "endpoint status -w json"))?.[1];

describe("one host", () => {
  const host = "up-8";
  let own: OwnHosts;
  beforeAll(async () => {
    own = await hostsOfPrevious({ name: "up-one", hosts: { [host]: "10.210.0.48" } }, console.log);
    await own.up();
  });
  afterAll(() => own.remove());

  test("is refused an upgrade that the file does not name, and what up must not do it refuses too", async () => {
    expect(await serverVersion(own)).toBe(`v${previousVersion}`);
    const other = await own.tryOperate("upgrade", currentVersion);
    expect(other.stderr).toMatch(/kubernetesVersion is 1\.36\.\d+, but the upgrade is asked to .*; set it to/);
    expect((await own.tryOperate("upgrade", "latest")).stderr).toMatch(
      /VERSION is "latest", but it must be a full version/,
    );
    own.change({ controlPlane: ofRelease("1.38.0") });
    expect((await own.tryOperate("upgrade", "1.38.0")).stderr).toMatch(/no minor can be skipped/);
    own.change({ controlPlane: ofRelease("1.35.9") });
    expect((await own.tryOperate("upgrade", "1.35.9")).stderr).toMatch(/no version goes back/);
    own.change({ controlPlane: ofRelease(currentVersion) });
  });

  test.each([
    "saves a snapshot",
    "kubeadm takes etcd",
    "its kubelet restarts",
    "waits until up-8 is Ready",
    "notes that the cluster runs",
  ])("killed by SIGKILL as it %s, and run again at last: the same state, and nothing is lost", async (step) => {
    await killedWhen(
      ["control-plane", "upgrade", currentVersion, ...own.flags()],
      new RegExp(`\\d/\\d ${host}: ${step}`),
      2000,
    );
  });

  test("and ends at the new version, of etcd too", async () => {
    const { stdout } = await own.operate("upgrade", currentVersion);
    expect(stdout).toContain("One member: the API does not answer while etcd");
    expect(await serverVersion(own)).toBe(`v${currentVersion}`);
    expect(await kubelets(own)).toEqual([`v${currentVersion}`]);
    expect(await etcdVersion(own, host)).toMatch(/^3\.7\./);
    const up = await own.up();
    expect(up.stdout).toContain("controlPlane.endpoint");
  });
});

describe("three hosts", () => {
  const [a, b, c] = ["up-1", "up-2", "up-3"] as const;
  const balancer = { kind: "haproxy", address: "10.210.0.47" };
  let own: OwnHosts;
  beforeAll(async () => {
    own = await hostsOfPrevious(
      {
        name: "up-three",
        hosts: { [a]: "10.210.0.41", [b]: "10.210.0.42", [c]: "10.210.0.43" },
        controlPlane: { balancer },
        images: ["haproxy", "keepalived"],
      },
      console.log,
    );
    await own.up();
  });
  afterAll(() => own.remove());

  test("are upgraded by a minor under writes, one member at a time, and no acknowledged write is lost", async () => {
    const writer = await own.write();
    own.change({ controlPlane: ofRelease(currentVersion, { balancer }) });
    const before = writer.now();
    const { stdout, seconds } = await own.operate("upgrade", currentVersion);
    expect(stdout).toMatch(/goes from Kubernetes 1\.36\.\d+ to .*, etcd from 3\.6\.\d+ to 3\.7\.\d+/);
    expect(stdout.match(/3 of 3 etcd members answer, 2 must agree: 1 may fail/g)?.length).toBeGreaterThanOrEqual(3);
    await writer.progress(20, 60);
    console.log(
      `upgrade of three hosts in ${Math.round(seconds)} s, ${writer.acknowledged.length} writes, longest gap ${Math.round(writer.longestGap(before).millis)} ms, ${writer.failed.length} calls failed`,
    );
    await writer.stop();
    expect(await writer.lost()).toEqual([]);
    expect(writer.backwards).toEqual([]);
    expect(await serverVersion(own)).toBe(`v${currentVersion}`);
    expect(await kubelets(own)).toEqual([1, 2, 3].map(() => `v${currentVersion}`));
    for (const host of [a, b, c]) expect(await etcdVersion(own, host)).toMatch(/^3\.7\./);
    await own.up();
  });
});
