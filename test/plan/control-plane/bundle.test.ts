import { execFileSync, spawnSync } from "node:child_process";
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
import { type BundleFile, bundleFiles } from "../../../components/plan/control-plane/bundle.ts";
import { runnerScript } from "../../../components/plan/control-plane/bundle-runner.ts";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { hostScripts } from "../../../components/plan/control-plane/host-scripts.ts";
import type { KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { initDocuments, toYaml } from "../../../components/plan/control-plane/kubeadm-config.ts";
import { writeBundle } from "../../../engine/bundle.ts";
import { members, settings } from "./settings.ts";

const contextOf = (input: KubeadmSettings) => ({ settings: input, plan: planControlPlane(input) });
const three = contextOf(members(3));
const text = (files: readonly BundleFile[], path: string) => files.find((file) => file.path === path)?.text;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bundle-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a bundle", () => {
  const files = bundleFiles(three);

  it("has the scripts that up runs, in its order, save the one that prints a secret", () => {
    const scripts = files.filter(({ path }) => path.startsWith("scripts/"));
    const run = hostScripts(three).filter(({ name }) => name !== "kubeconfig");
    expect(scripts.map(({ text: script }) => script)).toEqual(run.map(({ script }) => script));
    expect(scripts.map(({ path }) => path)).toEqual(
      run.map(({ name }, index) => `scripts/${String(index + 1).padStart(2, "0")}-${name}.sh`),
    );
  });

  it("is the same for the same plan", () => {
    expect(bundleFiles(contextOf(members(3)))).toEqual(files);
  });

  it("shows every file that a host gets, as the scripts write it", () => {
    expect(text(files, "hosts/h0/etc/kubernetes/quorum/init.yaml")).toBe(
      toYaml(initDocuments(three.settings, three.plan)),
    );
    expect(text(files, "hosts/h1/etc/kubernetes/quorum/join.yaml")).toContain("kind: JoinConfiguration");
    expect(text(files, "hosts/h2/etc/cni/net.d/10-quorum.conflist")).toContain("10.244.3.0/24");
  });

  it("holds nothing of what a stack keeps secret", () => {
    const secret = { ...members(3), ssh: { privateKey: "THE-KEY" }, etcd: { ...members(3).etcd, password: "THE-KEY" } };
    expect(JSON.stringify(bundleFiles(contextOf(secret)))).not.toMatch(/THE-KEY|PRIVATE KEY-----/);
  });

  it("tells in its README what to do where, and what travels", () => {
    const readme = text(files, "README.md") ?? "";
    expect(readme).toContain("Order: h0 → h1 → h0 → h1 → h0 → h2 → h0 → h2 → h0 → h1 → h2 → h0 → h1 → h2.");
    expect(readme).toContain("| 7 | h0 | `scripts/07-h1-ticket.sh` | `exchange/h1-prepare` | `exchange/h1-ticket` |");
    expect(readme).toContain("`/etc/kubernetes/admin.conf` on h0");
  });
});

describe("its folder", () => {
  const one = contextOf(settings());
  const names = () => readdirSync(folder).sort();

  it("may be new, empty, or that of an earlier bundle, whose files go and whose memory stays", () => {
    writeBundle(three, join(folder, "new"));
    writeBundle(contextOf({ ...members(3), clusterName: "test" }), folder + "/new");
    mkdirSync(join(folder, "new/progress"));
    writeFileSync(join(folder, "new/progress/h0-prepare"), "x");
    writeBundle(one, join(folder, "new"));
    expect(readdirSync(join(folder, "new/scripts"))).toEqual([
      "1-a-prepare.sh",
      "2-a-network.sh",
      "3-a-init.sh",
      "4-a-node.sh",
      "5-a-encrypt.sh",
    ]);
    expect(existsSync(join(folder, "new/progress/h0-prepare"))).toBe(true);
    expect(existsSync(join(folder, "new/hosts/h1/etc/kubernetes/quorum/join.yaml"))).toBe(false);
  });

  it("may hold nothing else", () => {
    writeFileSync(join(folder, "thesis.md"), "");
    expect(() => writeBundle(one, folder)).toThrow(
      `--bundle is "${folder}", but that folder holds other files (thesis.md); name a new or an empty one`,
    );
    expect(names()).toEqual(["thesis.md"]);
    expect(() => writeBundle(one, join(folder, "thesis.md"))).toThrow("that is a file; name a folder");
  });

  it("may not be another cluster's", () => {
    writeBundle(contextOf(settings({ clusterName: "other" })), folder);
    expect(() => writeBundle(one, folder)).toThrow("that is a bundle of cluster other and not of test");
  });

  it.each([
    ["{}", "its bundle.json is not that of a bundle"],
    ["no JSON", "its bundle.json is not that of a bundle"],
    [
      '{"format":1,"cluster":"test","files":["../../precious"]}',
      'its bundle.json names "../../precious" outside of it',
    ],
  ])("may not have the marker %s", (marker, message) => {
    writeFileSync(join(folder, "bundle.json"), marker);
    expect(() => writeBundle(one, folder)).toThrow(message);
  });
});

describe("its runner", () => {
  const [first, second] = three.plan.hosts;
  if (first === undefined || second === undefined) throw new Error("two hosts are planned");
  const steps = [
    { id: "1-h0-init", name: "h0-init", host: first, script: "echo a secret; echo init >> $LOG" },
    { id: "2-h1-prepare", name: "h1-prepare", host: second, script: "echo prepare >> $LOG; echo certificate" },
    {
      id: "3-h1-ticket",
      name: "h1-ticket",
      host: first,
      script: "echo ticket >> $LOG; echo for $(cat)",
      input: "h1-prepare",
    },
    { id: "4-h1-join", name: "h1-join", host: second, script: "echo join $(cat) >> $LOG", input: "h1-ticket" },
  ];

  beforeEach(() => {
    mkdirSync(join(folder, "bin"));
    mkdirSync(join(folder, "stick/scripts"), { recursive: true });
    writeFileSync(join(folder, "stick/run.sh"), runnerScript(steps));
    for (const { id, script } of steps) writeFileSync(join(folder, `stick/scripts/${id}.sh`), script);
    const program = (name: string, body: string) => {
      writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${body}\n`);
      chmodSync(join(folder, "bin", name), 0o755);
    };
    program("id", "echo ${FAKE_UID:-0}");
    program("ip", 'echo "1: lo inet 127.0.0.1/8 scope host"; echo "2: eth0 inet $ADDRESS/24 brd x"');
  });

  const log = () =>
    existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8").trim().split("\n") : [];
  const run = (address: string, args: readonly string[] = [], env: Record<string, string> = {}) => {
    const { status, stdout, stderr } = spawnSync("bash", [join(folder, "stick/run.sh"), ...args], {
      encoding: "utf8",
      env: { PATH: `${folder}/bin:${process.env["PATH"] ?? ""}`, LOG: join(folder, "log"), ADDRESS: address, ...env },
    });
    return { status, last: stdout.trim().split("\n").at(-1), stdout, stderr: stderr.trim() };
  };

  it("is a shell script", () => {
    execFileSync("bash", ["-n"], { input: runnerScript(steps) });
  });

  it("does what is next on each host, hands on what others read, and nothing else", () => {
    expect(run(first.address).last).toBe("h0 is done for now; go on at h1 (192.0.2.2)");
    expect(run(first.address).last).toBe("h0 is done for now; go on at h1 (192.0.2.2)");
    expect(run(second.address).last).toBe("h1 is done for now; go on at h0 (192.0.2.1)");
    expect(run(first.address).last).toBe("h0 is done for now; go on at h1 (192.0.2.2)");
    expect(run(second.address).last).toBe("all steps are done");
    expect(run(second.address).last).toBe("all steps are done");
    expect(log()).toEqual(["init", "prepare", "ticket", "join for certificate"]);
    expect(readdirSync(join(folder, "stick/exchange")).sort()).toEqual(["h1-prepare", "h1-ticket"]);
  });

  it("does a changed step again, and what reads its output", () => {
    for (const at of [first, second, first, second]) run(at.address);
    writeFileSync(join(folder, "stick/scripts/2-h1-prepare.sh"), "echo another");
    expect(run(first.address).last).toBe("h0 is done for now; go on at h1 (192.0.2.2)");
    for (const at of [second, first, second]) run(at.address);
    expect(log().slice(4)).toEqual(["ticket", "join for another"]);
  });

  it("goes on from a step that failed", () => {
    writeFileSync(join(folder, "stick/scripts/1-h0-init.sh"), "echo broken >&2; exit 3");
    expect(run(first.address)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^broken\nrun\.sh: 1-h0-init failed/) as string,
    });
    expect(run(first.address, ["--status"]).stdout).not.toContain("done");
    writeFileSync(join(folder, "stick/scripts/1-h0-init.sh"), "echo mended >> $LOG");
    expect(run(first.address).status).toBe(0);
    expect(run(first.address, ["--status"]).stdout).toMatch(/^done {2}h0 {2}1-h0-init\n {6}h1 {2}2-h1-prepare$/m);
    expect(log()).toEqual(["mended"]);
  });

  it.each<[string, () => ReturnType<typeof run>, string]>([
    ["a machine that it does not know", () => run("192.0.2.77"), "this machine has none of the bundle's addresses"],
    ["anybody but root", () => run(first.address, [], { FAKE_UID: "1000" }), "steps need root; run it as root"],
    ["an option that it does not know", () => run(first.address, ["--force"]), "--force is not known"],
  ])("refuses %s", (_, refused, message) => {
    const { status, stderr } = refused();
    expect({ status, said: stderr.includes(message) }).toEqual({ status: 1, said: true });
    expect(log()).toEqual([]);
  });
});
