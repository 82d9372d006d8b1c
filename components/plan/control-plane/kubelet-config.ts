import { stringify } from "yaml";
import type { PlannedHost } from "./control-plane.ts";
import { cipherSuites } from "./hardening.ts";
import type { KubeadmSettings } from "./hosts.ts";
import { cpuSteps, evictionOf, memorySteps, reservedOf, smallMachine } from "./requirements.ts";
import { putFile } from "../shell.ts";

const kind = { apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" };

/** Kernel settings that the kubelet wants and, with protectKernelDefaults, only checks. @see k8s.io/component-helpers/node/util/sysctl */
export const kernelSettings: Readonly<Record<string, string>> = {
  "vm.overcommit_memory": "1",
  "vm.panic_on_oom": "0",
  "kernel.panic": "10",
  "kernel.panic_on_oops": "1",
  "kernel.keys.root_maxkeys": "1000000",
  "kernel.keys.root_maxbytes": "25000000",
};

/** Whether the kubelet of a host refuses to change the kernel's settings. On a local host they are the machine's. */
export function protectsKernel(settings: KubeadmSettings, host: PlannedHost): boolean {
  return kubeletDocument(settings, host)["protectKernelDefaults"] === true;
}

/** What all kubelets have in common, under what the site says for all of them, and for one of them. */
export function kubeletDocument(settings: KubeadmSettings, host?: PlannedHost): Record<string, unknown> {
  return {
    // The cluster signs the certificate that the kubelet serves by, so that whoever asks it can tell it from another.
    serverTLSBootstrap: true,
    protectKernelDefaults: !settings.local,
    seccompDefault: true,
    // Enough for a JVM with thousands of threads; without a limit one pod's forks take every pod's.
    podPidsLimit: 4096,
    streamingConnectionIdleTimeout: "30m0s",
    tlsMinVersion: "VersionTLS12",
    tlsCipherSuites: cipherSuites,
    ...settings.kubelet,
    ...host?.kubelet,
    ...kind,
  };
}

/** What is one host's own, for kubeadm to lay over the common settings. */
export function kubeletPatch(host: PlannedHost): Record<string, unknown> {
  return { ...host.kubelet, ...kind };
}

const reservedKeys = ["kubeReserved", "systemReserved", "evictionHard"];
/** Process numbers that pods cannot take from the system. */
const systemPids = 1000;

/** Lines that write what a host sets aside for itself, by the size that the site gives or else by the one that it has. */
export function reservedLines(settings: KubeadmSettings, host: PlannedHost, folder: string): string[] {
  const path = `${folder}/kubeletconfigurationreserved+merge.yaml`;
  const { cpus, memoryMiB } = settings.hosts[host.name] ?? {};
  const given = { ...settings.kubelet, ...host.kubelet };
  // Whoever reserves by hand does all of it. A local host has no part of the machine to itself that could be measured.
  if (settings.local || reservedKeys.some((key) => key in given)) return [`rm -f ${path}`];
  if (cpus !== undefined && memoryMiB !== undefined) {
    return [putFile(path, "644", reservedText(cpus, memoryMiB))];
  }
  return [...measuredLines(cpus, memoryMiB), `put ${path} 644 <<QUORUM_FILE`, measuredText.trimEnd(), "QUORUM_FILE"];
}

interface Reserved {
  readonly cpu: string;
  readonly memory: string;
}

/**
 * The split between the system and Kubernetes only shows where each is meant for: nothing but the sum counts, as neither is held
 * to its part. A kubelet that is throttled or killed at its limit would take the node down to save a little.
 *
 * @see https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#general-guidelines
 */
function document(kube: Reserved, system: Reserved, eviction: string): Record<string, unknown> {
  return {
    ...kind,
    kubeReserved: kube,
    systemReserved: { ...system, pid: String(systemPids) },
    enforceNodeAllocatable: ["pods"],
    evictionHard: {
      "memory.available": eviction,
      // The kubelet's own, which naming one of them takes away.
      "nodefs.available": "10%",
      "nodefs.inodesFree": "5%",
      "imagefs.available": "15%",
      "imagefs.inodesFree": "5%",
    },
  };
}

export function reservedText(cpus: number, memoryMiB: number): string {
  const { cpuMillis, memoryMiB: memory } = reservedOf(cpus, memoryMiB);
  const [systemCpu, systemMemory] = [Math.floor(cpuMillis / 4), Math.floor(memory / 4)];
  return stringify(
    document(
      { cpu: `${cpuMillis - systemCpu}m`, memory: `${memory - systemMemory}Mi` },
      { cpu: `${systemCpu}m`, memory: `${systemMemory}Mi` },
      `${evictionOf(memoryMiB)}Mi`,
    ),
  );
}

const measuredText = stringify(
  document(
    { cpu: "${kube_cpu}m", memory: "${kube_memory}Mi" },
    { cpu: "${system_cpu}m", memory: "${system_memory}Mi" },
    "${eviction}Mi",
  ),
);

/** The same sums as reservedOf, in awk. */
function measuredLines(cpus: number | undefined, memoryMiB: number | undefined): string[] {
  const steps = (name: string, rows: readonly (readonly [number, number])[]) =>
    `n=split("${rows.flatMap(([upTo, share]) => [upTo === Infinity ? 1e15 : upTo, share]).join(" ")}",${name}," ");`;
  const sum = (name: string, amount: string) =>
    `s=0;from=0;for(i=1;i<n;i+=2){to=(${amount}<${name}[i]?${amount}:${name}[i]);if(to>from)s+=(to-from)*${name}[i+1];from=${name}[i]}`;
  const up = `function up(x,r){r=int(x);return x-r>1e-9?r+1:r}`;
  return [
    `cpus=${cpus ?? "$(nproc)"} memory=${memoryMiB ?? "$(awk '/^MemTotal:/{print int($2/1024)}' /proc/meminfo)"}`,
    `set -- $(awk -v cpus="$cpus" -v memory="$memory" '${up} BEGIN{${steps("c", cpuSteps)}${sum("c", "cpus*1000")}cpu=up(s);${steps("m", memorySteps)}${sum("m", "memory")}mem=memory<${smallMachine.belowMiB}?${smallMachine.reservedMiB}:up(s);e=up(memory/100);print cpu,mem,e<100?100:e}')`,
    `system_cpu=$(($1 / 4)) system_memory=$(($2 / 4)) eviction=$3`,
    `kube_cpu=$(($1 - system_cpu)) kube_memory=$(($2 - system_memory))`,
  ];
}
