import { chmodSync, copyFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ensurePrevious, previousVersion, releasePrograms } from "../../local/previous.ts";
import { partVersion } from "../../local/toolchain.ts";
import { OwnHosts, type OwnHostsOptions } from "./own-hosts.ts";
import { stateDir } from "./quorum.ts";

/** What local hosts have, and what an upgrade goes to. */
export const currentVersion = partVersion("kubernetes").slice(1);
export { previousVersion };

/** Bare hosts with the programs of the release before; those of the current one lie ready, as a site would put them there. */
export async function hostsOfPrevious(options: OwnHostsOptions, log: (line: string) => void): Promise<OwnHosts> {
  await ensurePrevious(log);
  const controlPlane = { kubernetesVersion: previousVersion, local: false, ...options.controlPlane };
  const own = await OwnHosts.make({ ...options, controlPlane }, log);
  for (const { name } of own.hosts) {
    giveRelease(name);
    giveBinaries(name, "bin", "kubernetes-previous");
  }
  return own;
}

/** Puts the current release where an upgrade looks for it. */
export function giveRelease(host: string): void {
  giveBinaries(host, `var-lib/quorum/kubernetes/v${currentVersion}`, "kubernetes");
}

function giveBinaries(host: string, folder: string, part: Parameters<typeof releasePrograms>[0]): void {
  const target = join(stateDir, "hosts", host, folder);
  mkdirSync(target, { recursive: true });
  for (const [program, from] of releasePrograms(part)) {
    const made = join(target, `${program}.new`);
    copyFileSync(from, made);
    chmodSync(made, 0o755);
    renameSync(made, join(target, program));
  }
}
