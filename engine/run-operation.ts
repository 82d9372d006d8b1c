import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  findingsScript,
  type HostFindings,
  parseFindings,
  unreachableHost,
} from "../components/plan/control-plane/host-findings.ts";
import { standingOf } from "../components/plan/control-plane/member-change.ts";
import type { Operation } from "../components/plan/control-plane/operation.ts";
import { fromHome } from "../config/home-path.ts";
import type { Config } from "../config/parse.ts";
import { type HostAddress, HostUnreachable, Ssh } from "./direct/ssh.ts";
import type { Workspace } from "./files.ts";
import { sendFile } from "./host-files.ts";
import { lastLines } from "./process.ts";

type Kubeadm = Extract<Config["controlPlane"], { mode: "kubeadm" }>;

export interface OperationSettings {
  readonly workspace: Workspace;
  readonly controlPlane: Kubeadm;
  readonly log: (line: string) => void;
}

const marker = "quorum-operation";

/**
 * Carries an operation out, step by step, over SSH alone. Every step may be run again, so a run that was ended anywhere is
 * begun again from the front.
 *
 * @returns whether all of it was to be done; false when a step found nothing left to do
 * @throws naming the step, its host and its last words
 */
export async function runOperation(operation: Operation, settings: OperationSettings): Promise<boolean> {
  const { workspace, controlPlane, log } = settings;
  const ssh = new Ssh(workspace);
  try {
    for (const [index, { host, what, script, file }] of operation.steps.entries()) {
      log(`${index + 1}/${operation.steps.length} ${host}: ${what} …`);
      if (file !== undefined) {
        const { from } = file;
        const source = "file" in from ? from : { address: addressOf(controlPlane, from.host), path: from.path };
        await sendFile(ssh, source, addressOf(controlPlane, host), file.to);
      }
      const { code, stdout, stderr } = await ssh.run(
        addressOf(controlPlane, host),
        `echo ${marker}\nbash -s <<'QUORUM_OPERATION'\n${script}QUORUM_OPERATION\n`,
        marker,
      );
      if (code !== 0) {
        throw new Error(
          `step ${index + 1} (${what}) failed on ${host} with exit code ${code}; mend the cause and run the same command again:\n${lastLines(stderr, 20).join("\n")}`,
        );
      }
      const standing = standingLine(stdout);
      if (standing !== undefined) log(`  ${standing}`);
      if (/^done$/m.test(stdout)) {
        for (const line of lastLines(stderr, 3)) log(`  ${line}`);
        return false;
      }
    }
    return true;
  } finally {
    ssh.close();
  }
}

/** What each host says of itself, asked side by side; one that cannot be entered says why. */
export async function askHosts(
  hosts: readonly string[],
  { workspace, controlPlane }: OperationSettings,
): Promise<HostFindings[]> {
  const ssh = new Ssh(workspace);
  try {
    return await Promise.all(
      hosts.map(async (host) => {
        try {
          const { stdout } = await ssh.run(
            addressOf(controlPlane, host),
            `echo ${marker}\nbash -s <<'QUORUM_OPERATION'\n${findingsScript(host)}QUORUM_OPERATION\n`,
            marker,
          );
          return parseFindings(host, stdout);
        } catch (error) {
          if (error instanceof HostUnreachable) return unreachableHost(host, error.message);
          throw error;
        }
      }),
    );
  } finally {
    ssh.close();
  }
}

/** A machine made anew has another host key; whoever replaces it knows that. */
export function forgetHostKey({ stateDir }: Workspace, address: string): void {
  spawnSync("ssh-keygen", ["-R", address, "-f", join(stateDir, "ssh", "known_hosts")], { stdio: "ignore" });
}

/** How etcd stands after a step, in words, where the step has told. */
export function standingLine(output: string): string | undefined {
  if (/^standing unknown$/m.test(output))
    return "etcd does not tell its members now: how many of them answer is not known";
  const told = /^standing (?<voters>\d+) (?<alive>\d+)$/m.exec(output)?.groups;
  if (told === undefined) return undefined;
  const [voters, alive] = [Number(told["voters"]), Number(told["alive"])];
  const { quorum, tolerance } = standingOf(voters, alive);
  const spare = tolerance < 0 ? "the quorum is lost" : `${tolerance} may fail`;
  return `${alive} of ${voters} etcd members answer, ${quorum} must agree: ${spare}`;
}

/** How a host of the stack is entered. */
export function addressOf({ hosts, ssh }: Kubeadm, name: string): HostAddress {
  const host = hosts[name];
  if (host === undefined) throw new Error(`the plan names host "${name}", which the configuration does not have`);
  return { host: host.address, port: ssh.port, user: ssh.user, privateKey: privateKeyOf(ssh) };
}

function privateKeyOf({ privateKey, privateKeyFile }: Kubeadm["ssh"]): string {
  if (privateKey !== undefined) return privateKey;
  const file = resolve(fromHome(privateKeyFile ?? ""));
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new HostUnreachable(`quorum:controlPlane.ssh.privateKeyFile is "${file}", which cannot be read; correct it`, {
      cause,
    });
  }
}
