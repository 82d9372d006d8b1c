import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ensureDir, stateDir } from "./paths.ts";
import { run, tryRun } from "./run.ts";

/** Programs that bare hosts need on this machine, and the Debian package that has each. */
const programs: Record<string, string> = {
  containerd: "containerd",
  runc: "runc",
  sshd: "openssh-server",
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
  ip: "iproute2",
  iptables: "iptables",
  conntrack: "conntrack",
  ethtool: "ethtool",
  socat: "socat",
  nsenter: "util-linux",
  unshare: "util-linux",
  flock: "util-linux",
  mount: "mount",
  dockerd: "docker.io",
  mmdebstrap: "mmdebstrap",
  gcc: "gcc",
  mvn: "maven",
  pip3: "python3-pip",
};

const cniPlugin = "/usr/lib/cni/ptp";
const windows = process.platform === "win32";
const searchPath = windows
  ? []
  : ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/go/bin"];

/** The program's path on this machine: on the PATH, or where the system keeps such programs. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""), ...searchPath];
  const names = windows ? [`${name}.exe`, `${name}.cmd`] : [name];
  return folders.flatMap((folder) => names.map((file) => join(folder, file))).find((path) => existsSync(path));
}

function missingPackages(): string[] {
  const missing = Object.entries(programs).filter(([program]) => findProgram(program) === undefined);
  const names = missing.map(([, packageName]) => packageName);
  if (!existsSync(cniPlugin)) names.push("containernetworking-plugins");
  if (!existsSync("/bin/busybox")) names.push("busybox-static");
  return [...new Set(names)].sort();
}

/** What the tests check with what we generate: never run here otherwise, as clusters have all of it in images. */
const checkers = ["haproxy", "keepalived", "age", "rclone"];

/** Installs those too. @throws naming what is missing where it cannot */
export async function ensureCheckers(log: (line: string) => void): Promise<void> {
  await install(() => checkers.filter((program) => findProgram(program) === undefined), log);
}

/** Installs what bare hosts need from Debian's packages. @throws naming what is missing where it cannot. */
export async function ensurePackages(log: (line: string) => void): Promise<void> {
  await install(missingPackages, log);
}

async function install(findMissing: () => string[], log: (line: string) => void): Promise<void> {
  const missing = findMissing();
  if (missing.length === 0) return;
  if (findProgram("apt-get") === undefined) {
    throw new Error(
      `this machine lacks ${missing.join(", ")} (Debian's names) and has no apt-get to install them; install them, or use an own cluster: npm start -- --context NAME`,
    );
  }
  log(`installing Debian packages: ${missing.join(" ")}`);
  const logFile = join(ensureDir(join(stateDir, "logs")), "apt.log");
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const update = await tryRun("apt-get", ["update"], { logFile, env });
  if (update.code !== 0) log(`  apt-get update failed (${logFile}); trying with the lists that are here`);
  await run("apt-get", ["install", "-y", "--no-install-recommends", ...missing], { logFile, env });
  const still = findMissing();
  if (still.length > 0)
    throw new Error(`apt-get installed its packages, but ${still.join(", ")} is still missing; see ${logFile}`);
}
