import { chmodSync, copyFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { makeIdentity } from "../../components/control-plane/care/age.mjs";
import { ensurePrevious, previousVersion, releasePrograms } from "../../local/previous.ts";
import { registryPort } from "../../local/registry.ts";
import { partVersion } from "../../local/toolchain.ts";
import { OwnHosts, type OwnHostsOptions } from "./own-hosts.ts";
import { stateDir } from "./quorum.ts";

/** What local hosts have, and what an upgrade goes to. */
export const currentVersion = partVersion("kubernetes").slice(1);
export { previousVersion };

/** Bare hosts with the programs of the release before; those of the current one lie ready, as a site would put them there. */
export async function hostsOfPrevious(options: OwnHostsOptions, log: (line: string) => void): Promise<OwnHosts> {
  await ensurePrevious(log);
  const controlPlane = ofRelease(previousVersion, options.controlPlane);
  const sections = { ...options.sections, images: localImages() };
  const own = await OwnHosts.make({ ...options, controlPlane, sections }, log);
  for (const { name } of own.hosts) {
    giveRelease(name);
    giveBinaries(name, "bin", "kubernetes-previous");
  }
  return own;
}

/**
 * quorum:controlPlane at a release. With `local` only the current one is to be had, and without it more is asked of a stack: a
 * key for the archives of its etcd, which nobody opens here.
 */
export function ofRelease(kubernetesVersion: string, controlPlane: Readonly<Record<string, unknown>> = {}) {
  const { etcd, ...fields } = controlPlane as { etcd?: Readonly<Record<string, unknown>> };
  const backup = { recipients: [recipient], store: { folder: "/var/lib/quorum/etcd-archives" } };
  return { kubernetesVersion, local: false, ...fields, etcd: { ...etcd, backup } };
}

const { recipient } = makeIdentity();

/** Images by their tags: the local registry makes their digests anew with each build. */
const localImages = () => {
  const at = `localhost:${registryPort}`;
  return { registry: at, mirror: at, digests: "allowed" };
};

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
