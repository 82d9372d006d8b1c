import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { endHostProcesses, makeCgroups, removeCgroups } from "./cgroups.ts";
import { imageCatalog } from "../config/parse.ts";
import { ensureDir, removeIfEmpty, root, stateDir } from "./paths.ts";
import { registryPort } from "./registry.ts";
import { run, tryRun } from "./run.ts";
import { anyServiceRuns, serviceState, startService, stopService, type ServiceState } from "./service.ts";
import { binaryPath, type PartName } from "./toolchain.ts";

/** A bare host on this machine: its own network, mounts, name and cgroups; sshd, containerd and the Kubernetes binaries. */
export interface LocalHost {
  readonly name: string;
  /** IPv4 address in the bridge's /24. */
  readonly address: string;
}

export interface HostNetwork {
  /** The machine's own address on the bridge, in the same /24 as every host. */
  readonly gateway: string;
  /** Services' addresses; each host holds a route for them that leads nowhere. */
  readonly serviceSubnet: string;
}

const bridge = "quorum0";
const namespaces = "/run/netns";
const bridgePrefix = 24;
const hostDir = (name: string) => join(stateDir, "hosts", name);
const networkNamespace = (name: string) => `quorum-${name}`;
const serviceName = (name: string) => `host-${name}`;
export const sshKeyFile = join(stateDir, "ssh", "id_ed25519");

/** The machine's end of the host's link; the other end is the host's eth0. A link's name may have 15 bytes. */
const linkName = (name: string) => `quorum-${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;

/**
 * A hardware address that stays the same whenever the link of an IP address is made anew: neighbours remember the last one for
 * up to 45 s. A bridge without one of its own takes that of any port, and changes it as hosts come and go.
 */
function hardwareAddress(of: string): string {
  // The first byte says: of one machine, and made by hand.
  return `02${createHash("sha256").update(of).digest("hex").slice(0, 10)}`.replace(/..(?=.)/g, "$&:");
}

export const gatewayOf = (hosts: readonly LocalHost[]) =>
  `${(hosts[0]?.address ?? "10.210.0.1").split(".").slice(0, 3).join(".")}.1`;

async function linkExists(name: string): Promise<boolean> {
  return (await tryRun("ip", ["link", "show", name])).code === 0;
}

/** Which checkout the bridge belongs to: its alias says so. */
async function bridgeOwner(): Promise<string | undefined> {
  const answer = await tryRun("ip", ["-json", "-details", "link", "show", bridge]);
  if (answer.code !== 0) return undefined;
  return (JSON.parse(answer.stdout) as { ifalias?: string }[])[0]?.ifalias ?? "";
}

/** Takes over a bridge whose checkout is gone or runs nothing any more. @throws when another checkout's hosts hold it. */
export async function refuseForeignBridge(): Promise<void> {
  const owner = await bridgeOwner();
  if (owner === undefined || owner === root) return;
  if (owner !== "" && anyServiceRuns(join(owner, ".quorum"))) {
    throw new Error(
      `the local hosts of this machine belong to another checkout, ${owner}; run \`npm run local -- reset\` there first`,
    );
  }
  // Whoever made it cannot be using it: what is left of its hosts is removed as hosts of their names start, or by its own reset.
  await run("ip", ["link", "delete", bridge]);
}

const forwardRules = [
  ["-i", bridge, "-o", bridge, "-j", "ACCEPT", "-m", "comment", "--comment", "quorum local hosts"],
] as const;

export async function ensureBridge(network: HostNetwork): Promise<void> {
  await refuseForeignBridge();
  if (!(await linkExists(bridge))) {
    await run("ip", ["link", "add", bridge, "address", hardwareAddress(bridge), "type", "bridge"]);
    await run("ip", ["link", "set", bridge, "alias", root]);
    await run("ip", ["address", "add", `${network.gateway}/${bridgePrefix}`, "dev", bridge]);
  }
  await run("ip", ["link", "set", bridge, "up"]);
  // Docker sets the policy of FORWARD to DROP; between our own hosts packets must pass.
  for (const rule of forwardRules) {
    if ((await tryRun("iptables", ["-w", "-C", "FORWARD", ...rule])).code !== 0)
      await run("iptables", ["-w", "-I", "FORWARD", ...rule]);
  }
}

async function ensureSshKeys(name: string): Promise<void> {
  ensureDir(join(stateDir, "ssh"), 0o700);
  const keys = [sshKeyFile, join(ensureDir(join(hostDir(name), "etc-upper", "quorum"), 0o700), "ssh_host_ed25519_key")];
  for (const key of keys) {
    if (!existsSync(key)) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "quorum-local", "-f", key]);
  }
}

/** The files of a prepared machine, in the upper layer of the host's /etc and its /usr/local/bin. */
function writeHostFiles(host: LocalHost, hosts: readonly LocalHost[], network: HostNetwork): void {
  const etc = ensureDir(join(hostDir(host.name), "etc-upper"));
  const put = (path: string, text: string) => {
    ensureDir(join(etc, path, ".."));
    writeFileSync(join(etc, path), text);
  };
  put("hostname", `${host.name}\n`);
  put("hosts", ["127.0.0.1 localhost", ...hosts.map((other) => `${other.address} ${other.name}`), ""].join("\n"));
  // Hosts have no way out of the machine, so no name server answers here: a question is refused at once. (A loopback
  // address would send CoreDNS's questions back to itself.)
  put("resolv.conf", `nameserver ${network.gateway}\noptions timeout:1 attempts:1\n`);
  put("quorum/authorized_keys", readFileSync(`${sshKeyFile}.pub`, "utf8"));
  put(
    "quorum/sshd_config",
    [
      "Port 22",
      `ListenAddress ${host.address}`,
      "HostKey /etc/quorum/ssh_host_ed25519_key",
      "AuthorizedKeysFile /etc/quorum/authorized_keys",
      "PidFile /run/sshd.pid",
      "UsePAM no",
      "PasswordAuthentication no",
      "PermitRootLogin prohibit-password",
      "StrictModes no",
      "MaxStartups 50",
      "SetEnv PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
      "",
    ].join("\n"),
  );
  const pause = imageCatalog()["pause"];
  put(
    "containerd/config.toml",
    [
      "version = 2",
      '[plugins."io.containerd.grpc.v1.cri"]',
      `  sandbox_image = "localhost:${registryPort}/${pause?.image.split("/").slice(1).join("/")}:${pause?.tag}"`,
      "  # Without CAP_SYS_RESOURCE no process may lower its own score.",
      "  restrict_oom_score_adj = true",
      '  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
      '    runtime_type = "io.containerd.runc.v2"',
      '  [plugins."io.containerd.grpc.v1.cri".cni]',
      '    bin_dir = "/usr/lib/cni"',
      '    conf_dir = "/etc/cni/net.d"',
      '  [plugins."io.containerd.grpc.v1.cri".registry]',
      '    config_path = "/etc/containerd/certs.d"',
      "",
    ].join("\n"),
  );
  const registry = `http://${network.gateway}:${registryPort}`;
  put(
    `containerd/certs.d/localhost:${registryPort}/hosts.toml`,
    `server = "${registry}"\n[host."${registry}"]\n  capabilities = ["pull", "resolve"]\n`,
  );

  const bin = ensureDir(join(hostDir(host.name), "bin"));
  const binaries: [PartName, string][] = [
    ["kubernetes", "kubeadm"],
    ["kubernetes", "kubelet"],
    ["kubernetes", "kubectl"],
    ["etcd", "etcdctl"],
    ["etcd", "etcdutl"],
  ];
  for (const [part, binary] of binaries) {
    const target = join(bin, binary);
    const stamp = `${target}.from`;
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === binaryPath(part, binary)) continue;
    cpSync(binaryPath(part, binary), target);
    chmodSync(target, 0o755);
    writeFileSync(stamp, binaryPath(part, binary));
  }
  cpSync(join(root, "local", "host", "systemctl"), join(bin, "systemctl"));
  cpSync(join(root, "local", "host", "boot.sh"), join(hostDir(host.name), "boot.sh"));
}

/** The host's network, made anew at each start: nothing of a host that was cut off half way is left in it. */
async function makeHostNetwork(host: LocalHost, network: HostNetwork): Promise<void> {
  const namespace = networkNamespace(host.name);
  const outside = linkName(host.name);
  const inside = "eth0";
  await removeHostNetwork(host.name);
  await run("ip", ["netns", "add", namespace]);
  const within = (...args: string[]) => run("ip", ["-n", namespace, ...args]);
  await within("link", "set", "lo", "up");
  const peer = ["name", inside, "address", hardwareAddress(host.address), "netns", namespace];
  await run("ip", ["link", "add", outside, "type", "veth", "peer", ...peer]);
  await within("address", "add", `${host.address}/${bridgePrefix}`, "dev", inside);
  // Packets to a Service address that kube-proxy does not know end here, before anything could send one. (A bridge
  // without ports: every kernel that can run the hosts has bridges, not every one has dummy links.)
  await within("link", "add", "services", "type", "bridge");
  await within("link", "set", "services", "up");
  await within("route", "add", network.serviceSubnet, "dev", "services", "src", host.address);
  await within("link", "set", inside, "up");
  await run("ip", ["link", "set", outside, "master", bridge, "up"]);
}

async function removeHostNetwork(name: string): Promise<void> {
  // The link first: a namespace lives on for minutes while connections that were cut off in it time out.
  if (await linkExists(linkName(name))) await run("ip", ["link", "delete", linkName(name)]);
  const namespace = networkNamespace(name);
  if (existsSync(`${namespaces}/${namespace}`)) await run("ip", ["netns", "delete", namespace]);
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 500 });
    const end = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket
      .once("data", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false));
  });
}

/** Makes the host unless it runs already, and waits until its sshd and containerd answer. @returns whether it was started now. */
export async function startHost(host: LocalHost, hosts: readonly LocalHost[], network: HostNetwork): Promise<boolean> {
  await ensureSshKeys(host.name);
  if (serviceState(serviceName(host.name)) !== "running") {
    await endHostProcesses(host.name);
    // A machine that boots has no cgroups of pods from before; the kubelet looks for the container of each for 1.5 s first.
    await removeCgroups(host.name);
    await makeHostNetwork(host, network);
    writeHostFiles(host, hosts, network);
  }
  const cgroups = makeCgroups(host.name);
  const enter = `for folder in ${cgroups.map((folder) => `'${folder}'`).join(" ")}; do echo $$ >"$folder/cgroup.procs"; done; exec "$@"`;
  return startService({
    name: serviceName(host.name),
    command: "/bin/bash",
    args: [
      ...["-c", enter, "bash"],
      ...["nsenter", `--net=/run/netns/${networkNamespace(host.name)}`],
      ...["unshare", "--mount", "--uts", "--propagation", "private"],
      ...["/bin/bash", join(hostDir(host.name), "boot.sh"), host.name, hostDir(host.name)],
    ],
    ready: async () =>
      (await answers(host.address, 22)) && existsSync(join(hostDir(host.name), "var-lib", "containerd")),
  });
}

/** Stops the host as a power cut would; its disks stay. */
export async function stopHost(name: string): Promise<void> {
  // The link first: a kernel says goodbye for the processes that are killed, a host without power says nothing.
  if (await linkExists(linkName(name))) await run("ip", ["link", "set", linkName(name), "down"]);
  await stopService(serviceName(name), 0);
  await endHostProcesses(name);
}

export const hostState = (name: string): ServiceState => serviceState(serviceName(name));

/** The hosts that this checkout has made. */
export function madeHosts(): string[] {
  const folder = join(stateDir, "hosts");
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Stops the host and removes its network, cgroups and disks. */
export async function removeHost(name: string): Promise<void> {
  await stopHost(name);
  await removeHostNetwork(name);
  await removeCgroups(name);
  rmSync(hostDir(name), { recursive: true, force: true });
}

/** Removes the bridge and the rule that this checkout's hosts shared. */
export async function removeBridge(): Promise<void> {
  if ((await bridgeOwner()) === root) {
    for (const rule of forwardRules) await tryRun("iptables", ["-w", "-D", "FORWARD", ...rule]);
    await run("ip", ["link", "delete", bridge]);
  }
  // `ip netns` keeps its folder as a mount; with the last namespace gone it goes too.
  if (existsSync(namespaces) && readdirSync(namespaces).length === 0) {
    await tryRun("umount", [namespaces]);
    removeIfEmpty(namespaces);
  }
}
