/** Where the host's files are in the container. */
export const rootMount = "/host/root";

/** What is measured; anything that is not named is off, so that a new release adds no series by itself. */
const collectors = [
  "conntrack",
  "cpu",
  "diskstats",
  "filefd",
  "filesystem",
  "loadavg",
  "meminfo",
  "netdev",
  "pressure",
  "stat",
  "textfile",
  "time",
  "timex",
  "uname",
];

/** Folders with mounts of containers and pods: they come and go, and the kubelet measures them. */
const containerMounts = [
  "dev",
  "proc",
  "sys",
  "run/.+",
  "var/lib/docker/.+",
  "var/lib/containerd/.+",
  "var/lib/containers/.+",
  "var/lib/kubelet/.+",
];

/** File systems that hold no data of their own, or none that lasts. */
const virtualFileSystems = [
  "autofs",
  "binfmt_misc",
  "bpf",
  "cgroup2?",
  "configfs",
  "debugfs",
  "devpts",
  "devtmpfs",
  "fuse.*",
  "hugetlbfs",
  "iso9660",
  "mqueue",
  "nsfs",
  "overlay",
  "proc",
  "pstore",
  "ramfs",
  "rpc_pipefs",
  "securityfs",
  "selinuxfs",
  "squashfs",
  "sysfs",
  "tmpfs",
  "tracefs",
];

/** Interfaces that a network plugin makes for each pod, and the loopback. */
const podInterfaces = ["lo", "veth.*", "cali.*", "lxc.*", "cilium_.*", "gke.*", "eni.*", "azv.*", "docker0", "br-.*"];

/** Devices that are no disks, and partitions of disks. */
const noDisks = ["z?ram\\d+", "loop\\d+", "fd\\d+", "(h|s|v|xv)d[a-z]+\\d+", "nvme\\d+n\\d+p\\d+", "nbd\\d+"];

/** Folder on each host for the figures of what runs there now and then: files that end in .prom. */
export const figuresFolder = "/var/lib/quorum/metrics";
/** Where that folder is in the container. */
export const figuresMount = "/host/figures";

/** Flags by which it sees the host, and nothing whose number of series grows with the pods of a node. */
export function nodeExporterFlags(): string[] {
  return [
    `--path.rootfs=${rootMount}`,
    `--path.udev.data=${rootMount}/run/udev/data`,
    "--collector.disable-defaults",
    ...collectors.map((name) => `--collector.${name}`),
    `--collector.filesystem.mount-points-exclude=^/(${containerMounts.join("|")})($|/)`,
    `--collector.filesystem.fs-types-exclude=^(${virtualFileSystems.join("|")})$`,
    `--collector.netdev.device-exclude=^(${podInterfaces.join("|")})$`,
    // Which host has a balancer's address.
    "--collector.netdev.address-info",
    `--collector.diskstats.device-exclude=^(${noDisks.join("|")})$`,
    `--collector.textfile.directory=${figuresMount}`,
    // Its own series: a handful that says whether it works is enough.
    "--web.disable-exporter-metrics",
  ];
}
