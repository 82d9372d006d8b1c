import { controlPlaneProblems } from "./control-plane-checks.ts";
import { apiPort, byName, type KubeadmSettings, podSubnetOf, quorumOf, toleranceOf } from "./hosts.ts";
import { type Loss, lossesOf, type Placement } from "./losses.ts";
import { list, refuse } from "../problems.ts";
import { type Requirement, requirementsOf } from "./requirements.ts";
import { formatSubnet, parseSubnet } from "../subnet.ts";
import { beyondKubeadm, placeComponents } from "./topology.ts";

export interface PlannedHost {
  readonly name: string;
  readonly address: string;
  readonly role: "control-plane" | "worker";
  readonly schedulable: boolean;
  readonly zone: string | undefined;
  /** Pod addresses of this host; undefined when another network plugin hands them out. */
  readonly podSubnet: string | undefined;
  readonly kubelet: Readonly<Record<string, unknown>>;
}

/** One step on one host; steps run in their order. */
export interface PlannedStep {
  readonly host: string;
  readonly action: "prepare" | "network" | "init" | "ticket" | "join" | "node";
  readonly summary: string;
}

export interface ControlPlanePlan {
  readonly clusterName: string;
  readonly kubernetesVersion: string;
  /** host:port of the API. */
  readonly endpoint: string;
  /** Control-plane hosts first, the one that begins the cluster foremost, then workers; by name within each. */
  readonly hosts: readonly PlannedHost[];
  readonly first: PlannedHost;
  /** What of the control plane runs where, hosts of etcd alone included; by name. */
  readonly placements: readonly Placement[];
  /** What of it `up` cannot carry out, as kubeadm alone cannot. */
  readonly beyondKubeadm: readonly string[];
  /** Names of the hosts with a voting etcd member. */
  readonly members: readonly string[];
  /** Members that must agree before a write counts. */
  readonly quorum: number;
  /** Members that may be lost with nothing stopping. */
  readonly tolerance: number;
  /** What each loss of a disk, a host, two hosts, a machine or a zone costs. */
  readonly losses: readonly Loss[];
  readonly requirements: readonly Requirement[];
  readonly steps: readonly PlannedStep[];
  readonly warnings: readonly string[];
}

/**
 * Decides which host does what, and in which order.
 *
 * @throws InputError naming every problem of the settings at once
 */
export function planControlPlane(settings: KubeadmSettings): ControlPlanePlan {
  refuse("the control plane", controlPlaneProblems(settings));
  const placements = placeComponents(settings);
  const hosts = placeHosts(settings, placements);
  const [first] = hosts;
  if (first === undefined) throw new Error("a plan without hosts passed its own checks");
  const members = placements.filter(({ etcd }) => etcd > 0);
  const voters = members.reduce((sum, { etcd }) => sum + etcd, 0);
  const plan = {
    clusterName: settings.clusterName,
    kubernetesVersion: settings.kubernetesVersion,
    endpoint: settings.endpoint ?? `${first.address}:${apiPort}`,
    hosts,
    first,
    placements,
    beyondKubeadm: beyondKubeadm(placements),
    members: members.map(({ host }) => host),
    quorum: quorumOf(voters),
    tolerance: toleranceOf(voters),
  };
  return {
    ...plan,
    losses: lossesOf(placements),
    requirements: requirementsOf(placements, settings.hosts),
    steps: orderSteps(hosts, settings.network.plugin),
    warnings: warningsOf(settings, plan),
  };
}

/** The Kubernetes nodes: a host that is given no part of the control plane is a worker, one with etcd alone is no node. */
function placeHosts(settings: KubeadmSettings, placements: readonly Placement[]): PlannedHost[] {
  const whole = settings.network.plugin === "routed" ? parseSubnet(settings.network.podSubnet) : undefined;
  const part = new Map(placements.map((placement) => [placement.host, placement]));
  const serves = (name: string) => (part.get(name)?.apiServers ?? 0) > 0;
  const nodes = byName(settings).filter(([, { role }]) => role !== "etcd");
  const firstName = settings.firstHost ?? nodes.find(([name]) => serves(name))?.[0];
  const rank = (host: PlannedHost) => (host.name === firstName ? 0 : host.role === "control-plane" ? 1 : 2);
  return nodes
    .map(([name, host]): PlannedHost => {
      const podSubnet = whole && podSubnetOf(host, whole);
      return {
        name,
        address: host.address,
        role: serves(name) ? "control-plane" : "worker",
        schedulable: part.get(name)?.takesPods ?? false,
        zone: host.zone,
        podSubnet: podSubnet && formatSubnet(podSubnet),
        kubelet: host.kubelet ?? {},
      };
    })
    .sort((a, b) => rank(a) - rank(b));
}

function orderSteps(hosts: readonly PlannedHost[], plugin: "routed" | "none"): PlannedStep[] {
  const [first, ...others] = hosts;
  if (first === undefined) return [];
  const before = (host: PlannedHost): PlannedStep[] => [
    { host: host.name, action: "prepare", summary: "checks the machine, writes kubeadm's files" },
    ...(plugin === "routed"
      ? [
          {
            host: host.name,
            action: "network" as const,
            summary: `pods get ${host.podSubnet ?? ""}, routes to the others`,
          },
        ]
      : []),
  ];
  const after = (host: PlannedHost): PlannedStep => ({
    host: host.name,
    action: "node",
    summary: `labels, taints, kubelet certificate${plugin === "routed" ? ", waits until Ready" : ""}`,
  });
  return [
    ...before(first),
    { host: first.name, action: "init", summary: "begins the cluster: 1 member, tolerates the loss of 0" },
    after(first),
    ...others.flatMap((host, index): PlannedStep[] => {
      const members = index + 2;
      const joins =
        host.role === "worker"
          ? "joins as a worker"
          : `joins: ${members} members, quorum ${quorumOf(members)}, tolerates the loss of ${toleranceOf(members)}`;
      return [
        ...before(host),
        { host: first.name, action: "ticket", summary: `seals what ${host.name} needs to join` },
        { host: host.name, action: "join", summary: joins },
        after(host),
      ];
    }),
  ];
}

type Drawn = Pick<ControlPlanePlan, "hosts" | "placements" | "beyondKubeadm">;

function warningsOf(settings: KubeadmSettings, { hosts, placements, beyondKubeadm: beyond }: Drawn): string[] {
  const members = placements.filter(({ etcd }) => etcd > 0);
  const serving = placements.filter(({ apiServers }) => apiServers > 0);
  const [only] = members;
  const warnings: string[] = [];
  if (members.length === 1 && only !== undefined && !settings.local) {
    warnings.push(
      placements.length === 1
        ? "one control-plane host: its loss stops the cluster and loses the data; three tolerate the loss of one"
        : `all of etcd is on ${only.host}: its loss stops the cluster and loses the data; three hosts with etcd tolerate the loss of one`,
    );
    if (!only.redundantStorage)
      warnings.push(`the disk of ${only.host} holds the only copy of the data: mirror it and say storage: redundant`);
  }
  if (members.length === 1 && settings.endpoint === undefined && !settings.local) {
    warnings.push(
      "no endpoint: more control-plane hosts can join later only through a name set before the cluster begins",
    );
  }
  if (isBlindChoice(settings)) {
    warnings.push(`of two hosts ${only?.host ?? ""} gets etcd by its name alone: say which is more reliable`);
  }
  const single = serving.length > 1 ? serving.find(({ holdsEndpoint }) => holdsEndpoint) : undefined;
  if (single !== undefined) {
    warnings.push(
      `endpoint is the address of ${single.host}: its loss takes the API with it though etcd keeps its quorum`,
    );
  }
  if (members.length > 1) {
    for (const zone of new Set(members.flatMap((member) => member.zone ?? []))) {
      const inside = members.filter((member) => member.zone === zone).length;
      if (members.length - inside < quorumOf(members.length)) {
        warnings.push(
          `zone ${zone} has ${inside} of ${members.length} members: its loss loses the quorum; spread over 3 zones`,
        );
      }
    }
  }
  if (hosts.length > 1 && settings.network.plugin === "routed") {
    warnings.push(
      "network.plugin routed needs all hosts on one layer-2 network; on others use none and a plugin of the site",
    );
  }
  if (!hosts.some((host) => host.schedulable)) {
    warnings.push("no host takes ordinary pods: set schedulable: true on one or add a worker");
  }
  if (beyond.length > 0) {
    warnings.push(`planned, but not carried out by up yet: ${list(beyond)}`);
  }
  return warnings;
}

/** Whether nothing but names decides which of two hosts holds etcd. */
function isBlindChoice({ hosts }: KubeadmSettings): boolean {
  const all = Object.values(hosts);
  const holders = all.some(({ role }) => role === "etcd") ? "etcd" : "control-plane";
  const candidates = all.filter(({ role, etcdMembers }) => role === holders && etcdMembers === undefined);
  return candidates.length === 2 && candidates[0]?.reliability === candidates[1]?.reliability;
}
