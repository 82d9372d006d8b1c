import type { BalancerSettings } from "./balancer.ts";
import type { HardeningSettings } from "./hardening-settings.ts";
import { parseAddress, parseSubnet, part, type Subnet } from "../subnet.ts";

/** One machine, as the user describes it. */
export interface HostSettings {
  /** IPv4 address that the other hosts reach it by. */
  readonly address: string;
  /** `etcd`: nothing but members of the etcd cluster; `events`: nothing but members of that for events. Neither is a Kubernetes node. */
  readonly role: "control-plane" | "worker" | "etcd" | "events";
  /** How much it is trusted, against the others: of two hosts, the one with more holds etcd. @default 50 */
  readonly reliability?: number | undefined;
  /** Physical machine under a virtual one: hosts that share it are lost together. */
  readonly hypervisor?: string | undefined;
  /** Whether the loss of one disk loses nothing. @default single */
  readonly storage?: "single" | "redundant" | undefined;
  /** Voting etcd members on it. @default by the plan: see placeComponents */
  readonly etcdMembers?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly cpus?: number | undefined;
  readonly diskGiB?: number | undefined;
  /** Whether ordinary pods may run on a control-plane host. @default true when there is no worker */
  readonly schedulable?: boolean | undefined;
  /** Failure zone; becomes the node label topology.kubernetes.io/zone. */
  readonly zone?: string | undefined;
  /** Pod addresses of this host. @default a /24 of the pod subnet, chosen by the host's address */
  readonly podSubnet?: string | undefined;
  /** KubeletConfiguration fields for this host alone. */
  readonly kubelet?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What one or two hosts are to withstand. `storage-redundancy`: the loss of a disk. `control-plane-redundancy`: besides, faults
 * of single processes. From three hosts on, each goal has a member and an API server on every host.
 */
export type Goal = "minimal" | "storage-redundancy" | "control-plane-redundancy";

export interface EtcdSettings {
  /** `own`: events lie in an etcd cluster of their own, so that many of them do not slow the rest. */
  readonly events: "shared" | "own";
  /** Size past which etcd refuses writes, 100 to 8192. @see https://etcd.io/docs/v3.6/dev-guide/limit/ */
  readonly quotaMiB: number;
  /** The same of the cluster for events, where they have one. @default quotaMiB */
  readonly eventsQuotaMiB?: number | undefined;
  /** Longest round trip between two members. */
  readonly roundTripMillis: number;
}

/** What the plan needs to know of a control plane that kubeadm makes. */
export interface KubeadmSettings extends HardeningSettings {
  /** Full version without a `v`, such as 1.37.2. */
  readonly kubernetesVersion: string;
  readonly clusterName: string;
  /** The hosts are processes of this machine: nothing may be written outside their own folders. */
  readonly local: boolean;
  readonly goal: Goal;
  readonly etcd: EtcdSettings;
  /**
   * Whether etcd, controller-manager, scheduler and kube-proxy answer with their metrics at the hosts' own addresses; kubeadm has
   * all four on loopback, where nothing in the cluster reaches them.
   *
   * The controller-manager (10257) and the scheduler (10259) ask for a token that may read `/metrics`. Those of etcd (2381) and of
   * kube-proxy (10249) are plain HTTP without a sign-in: whoever reaches a host at these ports reads how large etcd is, who its
   * members are and how fast it writes, but no key and no value of it. etcd's own TLS would be worse: at its metrics port it asks
   * for a client's certificate, which the kubelet's probes do not have, and at its client port such a certificate reads every
   * Secret. Where others reach the hosts' network, keep both ports from them by a firewall, or set this to false.
   */
  readonly metrics: boolean;
  readonly hosts: Readonly<Record<string, HostSettings>>;
  /** Host that begins the cluster. @default the first control-plane host by name */
  readonly firstHost?: string | undefined;
  /**
   * host:port that reaches every API server. Required with more than one control-plane host, unless `balancer` has an address.
   * @default the balancer's address and port, or the first host's
   */
  readonly endpoint?: string | undefined;
  /** What stands before the API servers. @default given */
  readonly balancer?: BalancerSettings | undefined;
  readonly network: { readonly podSubnet: string; readonly serviceSubnet: string; readonly plugin: "routed" | "none" };
  /** KubeletConfiguration fields for all hosts. */
  readonly kubelet: Readonly<Record<string, unknown>>;
  readonly kubeProxy: Readonly<Record<string, unknown>>;
  /** kubeadm preflight checks that this site cannot pass, by kubeadm's names. */
  readonly ignorePreflightErrors: readonly string[];
  /** Further names and addresses in the API server's certificate. */
  readonly certSans: readonly string[];
}

/** Port of every host's first API server. */
export const apiPort = 6443;

/** Members that must agree: more than half. */
export function quorumOf(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** Members that may fail while the rest still has a quorum. */
export function toleranceOf(members: number): number {
  return members - quorumOf(members);
}

/** Bits of the network part of a host's own pod addresses: room for 254 pods. */
export const hostSubnetPrefix = 24;

/** Whether a host of this role is a Kubernetes node. */
export function isNode(role: HostSettings["role"]): boolean {
  return role === "control-plane" || role === "worker";
}

/** Hosts in the order of their names: the order of keys in a file means nothing. */
export function byName(settings: KubeadmSettings): [string, HostSettings][] {
  return Object.entries(settings.hosts).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** How many hosts a pod subnet has room for. */
export function slotsOf(whole: Subnet): number {
  return whole.prefix > hostSubnetPrefix ? 0 : 2 ** (hostSubnetPrefix - whole.prefix);
}

/** A host's own pod addresses, chosen by the host's address and not by its place in a list, so that adding a host moves no other. */
export function podSubnetOf(host: HostSettings, whole: Subnet): Subnet | undefined {
  if (host.podSubnet !== undefined) return parseSubnet(host.podSubnet);
  const address = parseAddress(host.address);
  return address === undefined ? undefined : part(whole, hostSubnetPrefix, address % slotsOf(whole));
}
