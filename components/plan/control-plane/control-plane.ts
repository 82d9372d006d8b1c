import { type BalancerPlan, givenEndpoint, planBalancer } from "./balancer.ts";
import { controlPlaneProblems } from "./control-plane-checks.ts";
import { type ApiInstance, apiInstances, etcdModeOf, type EtcdMember, etcdMembers } from "./etcd-members.ts";
import { healthPath } from "./events-probes.ts";
import { apiPort, byName, isNode, type KubeadmSettings, podSubnetOf, quorumOf, toleranceOf } from "./hosts.ts";
import { type Loss, lossesOf, type Placement } from "./losses.ts";
import { refuse } from "../problems.ts";
import { type Hardening, hardeningOf, hardeningWarnings } from "./hardening-summary.ts";
import { type Requirement, requirementsOf } from "./requirements.ts";
import { type Certificate, certificates } from "./site.ts";
import { formatSubnet, parseSubnet } from "../subnet.ts";
import { beyondKubeadm, firstHostOf, placeComponents } from "./topology.ts";

export interface PlannedHost {
  readonly name: string;
  readonly address: string;
  /** `etcd`: no Kubernetes node, but a machine of etcd members alone. */
  readonly role: "control-plane" | "worker" | "etcd";
  readonly schedulable: boolean;
  readonly zone: string | undefined;
  /** Pod addresses of this host; undefined when another network plugin hands them out. */
  readonly podSubnet: string | undefined;
  readonly kubelet: Readonly<Record<string, unknown>>;
}

/** One step on one host; steps run in their order. */
export interface PlannedStep {
  readonly host: string;
  readonly action:
    | "prepare"
    | "network"
    | "balancer"
    | "authorities"
    | "etcd"
    | "init"
    | "ticket"
    | "join"
    | "node"
    | "encrypt"
    | "settle";
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
  /** What of it kubeadm alone cannot make: static pods and hosts of our own. */
  readonly beyondKubeadm: readonly string[];
  /** Whether kubeadm makes the etcd of all objects, or is told of one that steps of ours make. */
  readonly etcdMode: "stacked" | "external";
  /** Every etcd member and every API server: where, and at which ports. */
  readonly etcd: readonly EtcdMember[];
  readonly apiServers: readonly ApiInstance[];
  /** Undefined where somebody else balances, or nothing does. */
  readonly balancer: BalancerPlan | undefined;
  /** Hosts of etcd members alone, in the order in which they start. */
  readonly etcdHosts: readonly PlannedHost[];
  /** Names of the hosts with a voting etcd member. */
  readonly members: readonly string[];
  /** Members that must agree before a write counts. */
  readonly quorum: number;
  /** Members that may be lost with nothing stopping. */
  readonly tolerance: number;
  /** What each loss of a disk, a host, two hosts, a machine or a zone costs. */
  readonly losses: readonly Loss[];
  readonly requirements: readonly Requirement[];
  /** What expires, and when. */
  readonly certificates: readonly Certificate[];
  readonly hardening: readonly Hardening[];
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
    endpoint: givenEndpoint(settings) ?? `${first.address}:${apiPort}`,
    hosts,
    first,
    placements,
    beyondKubeadm: beyondKubeadm(placements),
    etcdMode: etcdModeOf(placements),
    etcd: etcdMembers(settings),
    apiServers: apiInstances(settings),
    balancer: planBalancer(settings, placements),
    etcdHosts: placeEtcdHosts(settings, placements),
    members: members.map(({ host }) => host),
    quorum: quorumOf(voters),
    tolerance: toleranceOf(voters),
  };
  return {
    ...plan,
    losses: lossesOf(placements),
    requirements: requirementsOf(placements, settings.hosts),
    certificates: certificates(settings.certificates),
    hardening: hardeningOf(settings),
    steps: orderSteps(plan, settings.network.plugin),
    warnings: [...warningsOf(settings, plan), ...hardeningWarnings(settings)],
  };
}

/** The Kubernetes nodes: a host that is given no part of the control plane is a worker, one with etcd alone is no node. */
function placeHosts(settings: KubeadmSettings, placements: readonly Placement[]): PlannedHost[] {
  const whole = settings.network.plugin === "routed" ? parseSubnet(settings.network.podSubnet) : undefined;
  const part = new Map(placements.map((placement) => [placement.host, placement]));
  const serves = (name: string) => (part.get(name)?.apiServers ?? 0) > 0;
  const nodes = byName(settings).filter(([, { role }]) => isNode(role));
  const counted = (of: (placement: Placement) => number) =>
    new Map(placements.map((placement) => [placement.host, of(placement)]));
  const firstName = firstHostOf(
    settings,
    counted(({ etcd }) => etcd),
    counted(({ apiServers }) => apiServers),
  );
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

/** Hosts with etcd members that are no Kubernetes nodes: those of main before those of events. */
function placeEtcdHosts(settings: KubeadmSettings, placements: readonly Placement[]): PlannedHost[] {
  const machines = placements.filter(({ host }) => !isNode(settings.hosts[host]?.role ?? "worker"));
  return [...machines]
    .sort((a, b) => Number(b.etcd > 0) - Number(a.etcd > 0))
    .filter(({ etcd, events }) => etcd + events > 0)
    .map(({ host }) => ({
      name: host,
      address: settings.hosts[host]?.address ?? "",
      role: "etcd",
      schedulable: false,
      zone: settings.hosts[host]?.zone,
      podSubnet: undefined,
      kubelet: settings.hosts[host]?.kubelet ?? {},
    }));
}

function orderSteps(plan: Ordered, plugin: "routed" | "none"): PlannedStep[] {
  const { hosts } = plan;
  const [first, ...others] = hosts;
  if (first === undefined) return [];
  const standing = countingMembers(plan.placements);
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
    ...balancerSteps(plan, host),
  ];
  const after = (host: PlannedHost): PlannedStep => ({
    host: host.name,
    action: "node",
    summary: `labels, taints, kubelet certificate${plugin === "routed" ? ", waits until Ready" : ""}`,
  });
  return [
    ...before(first),
    ...etcdHostSteps(plan, first, standing),
    { host: first.name, action: "init", summary: `begins the cluster${standing(first.name)}` },
    after(first),
    ...others.flatMap((host): PlannedStep[] => {
      const joins = host.role === "worker" ? "joins as a worker" : `joins${standing(host.name)}`;
      return [
        ...before(host),
        { host: first.name, action: "ticket", summary: `seals what ${host.name} needs to join` },
        { host: host.name, action: "join", summary: joins },
        after(host),
      ];
    }),
    ...encryptionRounds(hosts),
  ];
}

/** After every member knows the key: see encryption.ts for why these are rounds over all members. */
function encryptionRounds(hosts: readonly PlannedHost[]): PlannedStep[] {
  const members = hosts.filter(({ role }) => role === "control-plane");
  const settles = "writes what is there by the wanted key, forgets other keys";
  const encrypts = "writes Secrets by the wanted key from now on";
  if (members.length === 1) return members.map(({ name }) => ({ host: name, action: "encrypt", summary: settles }));
  return [
    ...members.map(({ name }): PlannedStep => ({ host: name, action: "encrypt", summary: encrypts })),
    ...members.map(({ name }): PlannedStep => ({ host: name, action: "settle", summary: settles })),
  ];
}

type Ordered = Pick<ControlPlanePlan, "hosts" | "etcdHosts" | "placements" | "balancer">;

function balancerSteps({ balancer }: Ordered, { name }: PlannedHost): PlannedStep[] {
  const host = balancer?.hosts.find((one) => one.name === name);
  if (balancer === undefined || host === undefined) return [];
  const what =
    balancer.kind === "haproxy"
      ? `HAProxy at port ${balancer.port}; keepalived, priority ${host.priority} for ${balancer.address}`
      : `kube-vip for ${balancer.address}`;
  return [{ host: name, action: "balancer", summary: what }];
}

/** Tells how etcd stands once a host's members are in, host by host as they come. */
function countingMembers(placements: readonly Placement[]): (host: string) => string {
  let voters = 0;
  return (host) => {
    const { etcd = 0, events = 0 } = placements.find((one) => one.host === host) ?? {};
    voters += etcd;
    const members = `${voters} member${voters === 1 ? "" : "s"}`;
    const quorum = voters === 1 ? "" : `, quorum ${quorumOf(voters)}`;
    const main = etcd === 0 ? "" : `: ${members}${quorum}, tolerates the loss of ${toleranceOf(voters)}`;
    return `${main}${events === 0 ? "" : `; ${events} for events`}`;
  };
}

/** Hosts of etcd alone come before the API server that needs them, and after the authority that signs their certificates. */
function etcdHostSteps({ etcdHosts }: Ordered, first: PlannedHost, standing: (host: string) => string): PlannedStep[] {
  if (etcdHosts.length === 0) return [];
  return [
    { host: first.name, action: "authorities", summary: "makes the authorities that sign every certificate" },
    ...etcdHosts.flatMap(({ name }): PlannedStep[] => [
      { host: name, action: "prepare", summary: "checks the machine, writes kubeadm's files" },
      { host: first.name, action: "ticket", summary: `seals the etcd authority for ${name}` },
      { host: name, action: "etcd", summary: `runs etcd under a kubelet of its own${standing(name)}` },
    ]),
  ];
}

type Drawn = Pick<ControlPlanePlan, "hosts" | "placements">;

function warningsOf(settings: KubeadmSettings, { hosts, placements }: Drawn): string[] {
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
  if (members.length === 1 && givenEndpoint(settings) === undefined && !settings.local) {
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
  return [...warnings, ...eventsWarnings(settings, placements)];
}

/** What the etcd of events costs: no API server starts without it. */
function eventsWarnings({ balancer }: KubeadmSettings, placements: readonly Placement[]): string[] {
  const members = placements.reduce((sum, { events }) => sum + events, 0);
  if (members === 0) return [];
  const given = balancer === undefined || balancer.kind === "given";
  return [
    ...(members === 1
      ? [
          "the etcd of events has 1 member: while it is gone all but events goes on, but no API server that restarts comes up; three members tolerate the loss of one",
        ]
      : []),
    ...(given && placements.filter(({ apiServers }) => apiServers > 0).length > 1
      ? [
          `an API server calls itself not ready while the etcd of events is gone: have the balancer ask ${healthPath("/readyz", true)}`,
        ]
      : []),
  ];
}

/** Whether nothing but names decides which of two hosts holds etcd. */
function isBlindChoice({ hosts }: KubeadmSettings): boolean {
  const all = Object.values(hosts);
  const holders = all.some(({ role }) => role === "etcd") ? "etcd" : "control-plane";
  const candidates = all.filter(({ role, etcdMembers }) => role === holders && etcdMembers === undefined);
  return candidates.length === 2 && candidates[0]?.reliability === candidates[1]?.reliability;
}
