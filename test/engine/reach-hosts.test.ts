import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { refuseUnreachableHosts } from "../../engine/reach-hosts.ts";
import { parseConfig } from "../../config/parse.ts";
import { failureOf, fakeProgram, temporaryFolder, temporaryWorkspace } from "./programs.ts";

/** An ssh that enters every host but those named. */
function sshWithout(reasons: Readonly<Record<string, string>>): void {
  const cases = Object.entries(reasons).map(([address, reason]) => `*"${address}"*) echo "${reason}" >&2; exit 255;;`);
  fakeProgram("ssh", `case "$*" in\n${cases.join("\n")}\nesac\nexec bash -s`);
}

function controlPlane() {
  const privateKeyFile = join(temporaryFolder(), "key");
  writeFileSync(privateKeyFile, "the private key\n");
  const config = parseConfig({
    images: { registry: "registry.example.com" },
    monitoring: { prometheus: { enabled: false }, metricsServer: { enabled: false } },
    controlPlane: {
      mode: "kubeadm",
      kubernetesVersion: "1.37.2",
      clusterName: "test",
      balancer: { kind: "haproxy", address: "192.0.2.200" },
      hosts: { a: { address: "192.0.2.1" }, b: { address: "192.0.2.2" }, c: { address: "192.0.2.3" } },
      ssh: { privateKeyFile, port: 2222 },
    },
  });
  if (config.controlPlane.mode === "existing") throw new Error("the configuration has hosts");
  return config.controlPlane;
}

describe("hosts that SSH cannot reach", () => {
  const ask = () => refuseUnreachableHosts({ workspace: temporaryWorkspace(), controlPlane: controlPlane() });

  test("are named together, by key, with the reason and the fix, before anything is done", async () => {
    sshWithout({
      "192.0.2.1": "connect to host 192.0.2.1 port 2222: Connection timed out",
      "192.0.2.3": "Permission denied (publickey).",
    });
    const failure = await failureOf(ask);
    expect(failure.split("\n")).toEqual([
      "the control plane has 2 problems:",
      expect.stringMatching(
        /^ {2}quorum:controlPlane\.hosts\.a\.address is 192\.0\.2\.1, but port 2222 of it cannot be entered as root: .*timed out; start the host and its sshd .*, or correct its address in quorum:controlPlane\.hosts$/,
      ),
      expect.stringMatching(
        /^ {2}quorum:controlPlane\.hosts\.c\.address is 192\.0\.2\.3, but port 2222 of it cannot be entered as root: Permission denied .*; set quorum:controlPlane\.ssh to a user and key that the host accepts$/,
      ),
    ]);
  });

  test("are none when each is entered", async () => {
    sshWithout({});
    await expect(ask()).resolves.toBeUndefined();
  });
});
