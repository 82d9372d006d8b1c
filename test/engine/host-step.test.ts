import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Workspace } from "../../engine/files.ts";
import { HostStepMaker } from "../../engine/direct/host-step.ts";
import { type Registration, unknown } from "../../engine/direct/registration.ts";
import { Ssh } from "../../engine/direct/ssh.ts";
import { registration } from "./objects.ts";
import { failureOf, fakeProgram, temporaryFolder, temporaryWorkspace } from "./programs.ts";

/** A host that is a folder: the fake ssh runs what it is sent here, with the host's folder in the place of /var/lib/quorum. */
function host(script = ""): { folder: string; calls: () => string[] } {
  const folder = temporaryFolder();
  const log = join(folder, "calls");
  writeFileSync(log, "");
  fakeProgram(
    "ssh",
    `echo "$@" >>"${log}"
while [ $# -gt 0 ]; do [ "$1" = -i ] && { cp "$2" "${folder}/key"; stat -c %a "$2" >"${folder}/key-mode"; }; shift; done
${script}
sed 's#/var/lib/quorum#${folder}/state#g' | bash -s`,
  );
  return {
    folder,
    calls: () =>
      readFileSync(log, "utf8")
        .trim()
        .split("\n")
        .filter((line) => line !== ""),
  };
}

function step(name: string, inputs: Record<string, unknown>, options: Partial<Registration> = {}): Registration {
  const connection = { host: "192.0.2.1", port: 2222, user: "root", privateKey: "the private key" };
  return registration({ type: "command:remote:Command", name, inputs: { connection, ...inputs }, ...options });
}

function maker(workspace: Workspace, settings: { preview?: boolean; needHosts?: boolean } = {}) {
  const said: string[] = [];
  const ssh = new Ssh(workspace);
  const steps = new HostStepMaker({
    workspace,
    ssh,
    preview: false,
    needHosts: true,
    log: (line) => said.push(line),
    ...settings,
  });
  return { steps, said, ssh };
}

const stdout = async (steps: HostStepMaker, resource: Registration) => (await steps.make(resource)).outputs["stdout"];

describe("a host step", () => {
  test("runs once; after that its output comes from the host's memory, with one visit for all steps", async () => {
    const workspace = temporaryWorkspace();
    const { folder, calls } = host();
    const counter = join(folder, "counter");
    const first = step("first", { create: `echo run >>${counter}; echo hello; echo noise >&2` });
    const second = step("second", {
      create: "cat; echo $NAME",
      stdin: "from stdin\n",
      environment: { NAME: "it's $x" },
    });
    const { steps } = maker(workspace);
    expect(await stdout(steps, first)).toBe("hello");
    expect(await stdout(steps, second)).toBe("from stdin\nit's $x");
    expect(steps.results.map(({ action }) => action)).toEqual(["new", "new"]);
    expect(calls()).toHaveLength(3);

    const again = maker(workspace).steps;
    expect(await stdout(again, first)).toBe("hello");
    expect(await stdout(again, second)).toBe("from stdin\nit's $x");
    expect(again.results.map(({ action }) => action)).toEqual(["same", "same"]);
    expect(calls()).toHaveLength(4);
    expect(readFileSync(counter, "utf8")).toBe("run\n");
  });

  test("keeps what it remembers to root, and leaves no work behind", async () => {
    const { folder } = host();
    await maker(temporaryWorkspace()).steps.make(step("a", { create: "true" }));
    const stamps = join(folder, "state/steps");
    expect(readdirSync(stamps).sort()).toEqual(["a.sha256", "a.stdout"]);
    expect(readdirSync(stamps).map((name) => statSync(join(stamps, name)).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(readdirSync(join(folder, "state")).filter((name) => name.startsWith("run."))).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["script", { create: "echo other" }],
    ["input", { create: "echo made", stdin: "x" }],
    ["environment", { create: "echo made", environment: { A: "1" } }],
    ["triggers", { create: "echo made", triggers: [1] }],
  ])("runs again when its %s changes", async (_what, inputs) => {
    const workspace = temporaryWorkspace();
    host();
    await maker(workspace).steps.make(step("a", { create: "echo made" }));
    const { steps } = maker(workspace);
    await steps.make(step("a", inputs));
    expect(steps.results.map(({ action }) => action)).toEqual(["changed"]);
  });

  test("its update script runs where the host remembers it, else its create script", async () => {
    const workspace = temporaryWorkspace();
    host();
    const both = (trigger: number) =>
      step("a", { create: "echo created", update: "echo updated", triggers: [trigger] });
    expect(await stdout(maker(workspace).steps, both(1))).toBe("created");
    expect(await stdout(maker(workspace).steps, both(2))).toBe("updated");
  });

  test("that fails is told with its host and its last words, and runs again next time", async () => {
    const workspace = temporaryWorkspace();
    const { folder } = host();
    const failing = (fix: string) =>
      step("init", { create: `seq 30 >&2; echo "the last word" >&2; [ -e ${folder}/${fix} ] || exit 7` });
    const message = await failureOf(() => maker(workspace).steps.make(failing("mended")));
    expect(message).toMatch(
      /^step init failed on host 192\.0\.2\.1 with exit code 7; mend the cause and run up again.*\(log: \.quorum\/logs\/init\.log\):\n12\n/,
    );
    expect(message).toMatch(/30\nthe last word$/);
    expect(readFileSync(join(workspace.stateDir, "logs/init.log"), "utf8")).toContain("the last word");
    writeFileSync(join(folder, "mended"), "");
    const { steps } = maker(workspace);
    await steps.make(failing("mended"));
    expect(steps.results.map(({ action }) => action)).toEqual(["new"]);
  });

  test("its secrets are in no argument, no log and no line, and its key file is private and goes away", async () => {
    const workspace = temporaryWorkspace();
    const { folder, calls } = host();
    const { steps, said, ssh } = maker(workspace);
    const secret = step(
      "secret",
      { create: "echo hush-1 $P; cat; echo progress >&2", stdin: "hush-2", environment: { P: "hush-3" } },
      { additionalSecretOutputs: ["stdout"] },
    );
    expect(await stdout(steps, secret)).toBe("hush-1 hush-3\nhush-2");
    expect(calls().join()).not.toMatch(/hush|the private key/);
    expect(said.join()).not.toContain("hush");
    expect(readFileSync(join(workspace.stateDir, "logs/secret.log"), "utf8")).toBe("progress\n");
    expect(statSync(join(workspace.stateDir, "logs/secret.log")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, "key"), "utf8")).toBe("the private key\n");
    expect(readFileSync(join(folder, "key-mode"), "utf8")).toBe("600\n");
    ssh.close();
    expect(readdirSync(join(workspace.stateDir, "ssh")).filter((name) => name.startsWith("key-"))).toEqual([]);
  });

  test("ssh is called without questions, with the checkout's own known hosts", async () => {
    const workspace = temporaryWorkspace();
    const { calls } = host();
    await maker(workspace).steps.make(step("a", { create: "true" }));
    expect(calls()[0]).toContain("-o BatchMode=yes");
    expect(calls()[0]).toContain(`UserKnownHostsFile="${join(workspace.stateDir, "ssh/known_hosts")}"`);
    expect(calls()[0]).toMatch(/-p 2222 -l root -- 192\.0\.2\.1 bash -s$/);
  });

  test("two steps of one name on one host are refused", async () => {
    host();
    const { steps } = maker(temporaryWorkspace());
    await steps.make(step("a b", { create: "true" }));
    expect(await failureOf(() => steps.make(step("a_b", { create: "true" })))).toMatch(
      /two host steps on 192\.0\.2\.1 are called "a_b"/,
    );
  });

  test.each<[Record<string, unknown>, RegExp]>([
    [{ create: "true", delete: "true" }, /has a delete script, which the direct engine cannot follow/],
    [{ create: "true", connection: { host: "h", password: "p" } }, /has connection\.password/],
    [{ create: undefined }, /has no create script/],
    [{ create: "true", environment: { "a b": "1" } }, /sets the variable "a b", which no shell accepts/],
  ])("%j is refused", async (inputs, message) => {
    host();
    expect(await failureOf(() => maker(temporaryWorkspace()).steps.make(step("a", inputs)))).toMatch(message);
  });
});

describe("a host step at preview", () => {
  test("is compared and not run: known when the host remembers it, unknown otherwise", async () => {
    const workspace = temporaryWorkspace();
    const { folder } = host();
    await maker(workspace).steps.make(step("a", { create: "echo made" }));
    const { steps } = maker(workspace, { preview: true });
    expect(await stdout(steps, step("a", { create: "echo made" }))).toBe("made");
    expect(await stdout(steps, step("b", { create: `touch ${folder}/ran` }))).toBe(unknown);
    expect(await stdout(steps, step("c", { create: "true", stdin: unknown }))).toBe(unknown);
    expect(steps.results.map(({ name, action }) => `${name} ${action}`)).toEqual(["a same", "b new", "c new"]);
    expect(existsSync(join(folder, "ran"))).toBe(false);
  });

  test("a host that cannot be reached yet has new steps only; without leave to go on it ends the command", async () => {
    host("echo 'ssh: connect to host 192.0.2.1 port 2222: Connection timed out' >&2; exit 255");
    const { steps, said } = maker(temporaryWorkspace(), { preview: true, needHosts: false });
    expect(await stdout(steps, step("a", { create: "true" }))).toBe(unknown);
    expect(await stdout(steps, step("b", { create: "true" }))).toBe(unknown);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(
      /host 192\.0\.2\.1, port 2222, cannot be entered as root: .*timed out.*\(its steps show as new\)/,
    );
    expect(
      await failureOf(() => maker(temporaryWorkspace(), { preview: true }).steps.make(step("a", { create: "true" }))),
    ).toMatch(/timed out; start the host/);
  });
});

describe("a host that does not let us in", () => {
  test.each([
    [
      "ssh: connect to host x port 22: Connection refused",
      /Connection refused; start the host and its sshd.*correct its address in quorum:controlPlane\.hosts/,
    ],
    [
      "root@192.0.2.1: Permission denied (publickey).",
      /set quorum:controlPlane\.ssh to a user and key that the host accepts/,
    ],
    [
      "Host key verification failed.",
      /its host key is not the one seen before; .*ssh-keygen -R "\[192\.0\.2\.1\]:2222" -f .*known_hosts/,
    ],
  ])("%s", async (said, message) => {
    host(`echo '${said}' >&2; exit 255`);
    const failure = await failureOf(() => maker(temporaryWorkspace()).steps.make(step("a", { create: "true" })));
    expect(failure).toMatch(/^host 192\.0\.2\.1, port 2222, cannot be entered as root: /);
    expect(failure).toMatch(message);
  });

  test("a key that is not there yet is not tried", async () => {
    const { calls } = host();
    const resource = step("a", { create: "true", connection: { host: "h", privateKey: "unset:key" } });
    expect(await failureOf(() => maker(temporaryWorkspace()).steps.make(resource))).toMatch(
      /its private key is not there/,
    );
    expect(calls()).toEqual([]);
  });

  test("keys that a killed run left are removed", async () => {
    const workspace = temporaryWorkspace();
    host();
    const folder = join(workspace.stateDir, "ssh");
    mkdirSync(folder);
    writeFileSync(join(folder, "key-999999999-0"), "old");
    await maker(workspace).steps.make(step("a", { create: "true" }));
    expect(existsSync(join(folder, "key-999999999-0"))).toBe(false);
  });
});
