import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { etcdManifest } from "../../../components/plan/control-plane/etcd-manifest.ts";
import { etcdStepLines } from "../../../components/plan/control-plane/external-etcd.ts";
import { memberFunctions } from "../../../components/plan/control-plane/member-functions.ts";
import { lines, prelude } from "../../../components/plan/shell.ts";
import { settings } from "./settings.ts";

const input = settings({ goal: "control-plane-redundancy", endpoint: "k8s.example.com:8443" });
const plan = planControlPlane(input);
const { first } = plan;

/**
 * A host made of a folder, an etcd made of a list, and a kubelet that starts what has a manifest as etcd would: one that begins its
 * cluster becomes its only member, another must be on the list. Programs count themselves, so that a run can be ended at each.
 */
class FakeHost {
  readonly root = mkdtempSync(join(tmpdir(), "members-"));

  constructor() {
    for (const folder of ["bin", "etc/kubernetes/quorum/members", "etc/kubernetes/manifests", "var/lib"])
      mkdirSync(join(this.root, folder), { recursive: true });
    writeFileSync(join(this.root, "list"), "");
    for (const member of plan.etcd)
      writeFileSync(join(this.root, `etc/kubernetes/quorum/members/${member.pod}.yaml`), etcdManifest(input, member));
    this.program("sleep", "");
    this.program("kubeadm", `echo registry.k8s.io/etcd:3.7.0-0`);
    this.program("mv", `exec /bin/mv "$@"`);
    this.program("etcdctl", etcdctl);
  }

  program(name: string, body: string): void {
    const path = join(this.root, "bin", name);
    const counting = `echo >> $ROOT/count; [ "$(wc -l < $ROOT/count)" != "\${KILL_AT:-0}" ] || { kill -9 $STEP; exit 1; }`;
    writeFileSync(path, `#!/bin/bash\n${counting}\n${body}\n`);
    chmodSync(path, 0o755);
  }

  run(begun: string, killAt = 0): { code: number | null; stderr: string } {
    writeFileSync(join(this.root, "count"), "");
    const script = lines(
      "export STEP=$$",
      prelude,
      ...memberFunctions(first),
      // A port answers while its manifest is there.
      `listens() { grep -ls "127.0.0.1:$1," $ROOT/etc/kubernetes/manifests/*.yaml >/dev/null; }`,
      "leaf() { :; }",
      ...etcdStepLines({ settings: input, plan }, first, begun).filter((line) => !/^(leaf|  )|^}/.test(line)),
    );
    // What does not come does not come later here.
    const hurried = script.replaceAll(/wait_for (60|300) /g, "wait_for 4 ");
    const moved = hurried.replaceAll(/(?<![A-Za-z0-9_.}/-])\/(etc|var)\//g, `${this.root}/$1/`);
    const { status, stderr } = spawnSync("bash", ["-c", moved], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: `${this.root}/bin:${process.env["PATH"] ?? ""}`, ROOT: this.root, KILL_AT: String(killAt) },
    });
    return { code: status, stderr };
  }

  get members(): string[] {
    return readFileSync(join(this.root, "list"), "utf8").trim().split("\n").filter(Boolean);
  }

  get calls(): number {
    return readFileSync(join(this.root, "count"), "utf8").length;
  }

  get state(): unknown {
    const folder = join(this.root, "etc/kubernetes/manifests");
    const manifests = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
    return {
      members: this.members.map((line) => line.split(", ").slice(1).join(", ")),
      manifests: manifests.map((text) => [
        /--name=(\S+)/.exec(text)?.[1],
        /initial-cluster-state=(\S+)/.exec(text)?.[1],
      ]),
      held: readdirSync(join(this.root, "etc/kubernetes/quorum/held")),
    };
  }
}

const etcdctl = `
manifests=$ROOT/etc/kubernetes/manifests
# What the kubelet would have started by now.
for file in $manifests/*.yaml; do
  [ -e "$file" ] || continue
  pod=$(basename $file .yaml) name=$(sed -n 's/.*--name=//p' $file) state=$(sed -n 's/.*--initial-cluster-state=//p' $file)
  peer=$(sed -n 's/.*--initial-advertise-peer-urls=//p' $file) client=$(sed -n 's/.*--advertise-client-urls=//p' $file)
  data=$ROOT/var/lib/$pod/member
  if [ ! -d $data ]; then
    if [ $state = new ] && [ ! -s $ROOT/list ]; then echo "1, started, $name, $peer, $client, false" > $ROOT/list; mkdir -p $data
    elif [ $state = existing ] && grep -q " unstarted, , $peer," $ROOT/list; then
      sed -i "s|^\\([0-9]*\\), unstarted, , $peer, , true|\\1, started, $name, $peer, $client, true|" $ROOT/list; mkdir -p $data
    fi
  fi
done
running() { file=$(grep -ls "[=,]$1\\(,\\|$\\)" $manifests/*.yaml | head -1); [ -n "$file" ] && [ -d $ROOT/var/lib/$(basename $file .yaml)/member ]; }
endpoints=$(echo " $*" | sed -n 's/.* --endpoints \\([^ ]*\\).*/\\1/p')
case "$*" in
  "member list"*) cat $ROOT/list ;;
  "member add"*)
    peer=$(echo "$*" | sed 's/.*--peer-urls \\([^ ]*\\).*/\\1/')
    ! grep -q ', true$' $ROOT/list || { echo "too many learner members in cluster" >&2; exit 1; }
    echo "$(($(wc -l < $ROOT/list) + 1)), unstarted, , $peer, , true" >> $ROOT/list ;;
  "member promote"*) grep -q "^$3, started" $ROOT/list && sed -i "/^$3, started/s/true$/false/" $ROOT/list ;;
  "endpoint status"*) running $endpoints ;;
  "endpoint health"*)
    running $endpoints || exit 1
    # A learner answers no reads.
    case $endpoints in https://127*) port=\${endpoints##*:}; grep ":$port, false$" $ROOT/list >/dev/null ;; *) grep -q "$endpoints, false$" $ROOT/list ;; esac ;;
esac
`;

describe("members of one host", () => {
  let host: FakeHost;
  beforeEach(() => (host = new FakeHost()));
  afterEach(() => rmSync(host.root, { recursive: true }));

  const whole = [
    "started, a, https://192.0.2.11:2380, https://192.0.2.11:2379, false",
    "started, a.2, https://192.0.2.11:2390, https://192.0.2.11:2389, false",
    "started, a.3, https://192.0.2.11:2400, https://192.0.2.11:2399, false",
  ];
  const ready = {
    members: whole,
    manifests: [
      ["a", "existing"],
      ["a.2", "existing"],
      ["a.3", "existing"],
    ],
    held: [],
  };

  it("begin alone, come as learners, and are promoted; none would begin again", () => {
    expect(host.run("no")).toMatchObject({ code: 0 });
    expect(host.state).toEqual(ready);
  });

  it("change nothing when they are there", () => {
    host.run("no");
    const made = host.state;
    expect(host.run("yes")).toMatchObject({ code: 0 });
    expect(host.state).toEqual(made);
  });

  it("end in the same state when a run is killed at a program, from its first to its last, and begun again", () => {
    host.run("no");
    const { calls } = host;
    expect(calls).toBeGreaterThan(30);
    // Every eleventh of them, as each run takes its second.
    for (let at = 1; at <= calls; at += 11) {
      const other = new FakeHost();
      expect(other.run("no", at).code, `killed at ${at}`).not.toBe(0);
      expect(other.run("no"), `killed at ${at}`).toMatchObject({ code: 0 });
      expect(other.state, `killed at ${at}`).toEqual(ready);
      rmSync(other.root, { recursive: true });
    }
  });

  it("refuse to begin a second cluster where there is one, and say what to do", () => {
    expect(host.run("yes").stderr).toContain(
      "so it cannot join; bring one back, or run 'npm run control-plane -- recover'",
    );
    expect(host.members).toEqual([]);
  });

  it("refuse to go on for a member whose data is gone", () => {
    host.run("no");
    rmSync(join(host.root, "var/lib/etcd2"), { recursive: true });
    rmSync(join(host.root, "etc/kubernetes/quorum/members/etcd2.done"));
    expect(host.run("yes").stderr).toContain("run 'npm run control-plane -- replace a'");
    expect(host.members.map((line) => line.split(", ").slice(1).join(", "))).toEqual(whole);
  });

  it("take the image that a newer kubeadm names, also when a run is killed and begun again", () => {
    host.run("no");
    const newer = (of: FakeHost) => of.program("kubeadm", "echo registry.k8s.io/etcd:3.8.0-0");
    const images = (of: FakeHost) =>
      readdirSync(join(of.root, "etc/kubernetes/manifests")).map(
        (name) => /image: (\S+)/.exec(readFileSync(join(of.root, "etc/kubernetes/manifests", name), "utf8"))?.[1],
      );
    const taken = Array.from({ length: 3 }, () => "registry.k8s.io/etcd:3.8.0-0");
    newer(host);
    expect(host.run("yes")).toMatchObject({ code: 0 });
    expect(images(host)).toEqual(taken);
    expect(host.state).toEqual(ready);
    const { calls } = host;
    for (let at = 1; at <= calls; at += 41) {
      const other = new FakeHost();
      other.run("no");
      newer(other);
      expect(other.run("yes", at).code, `killed at ${at}`).not.toBe(0);
      expect(other.run("yes"), `killed at ${at}`).toMatchObject({ code: 0 });
      expect(images(other), `killed at ${at}`).toEqual(taken);
      expect(other.state, `killed at ${at}`).toEqual(ready);
      rmSync(other.root, { recursive: true });
    }
  });

  it("restart none by changed settings while another does not answer", () => {
    host.run("no");
    rmSync(join(host.root, "etc/kubernetes/manifests/etcd3.yaml"));
    const template = join(host.root, "etc/kubernetes/quorum/members/etcd.yaml");
    writeFileSync(template, readFileSync(template, "utf8").replace("snapshot-count=10000", "snapshot-count=5000"));
    const { stderr } = host.run("yes");
    expect(stderr).toContain("another member of its cluster does not answer, and the quorum would be lost");
    expect(existsSync(join(host.root, "etc/kubernetes/manifests/etcd.yaml"))).toBe(true);
  });
});
