import { controlPlaneProblems } from "./control-plane-checks.ts";
import {
  apiPort,
  byName,
  controlPlaneNames,
  type KubeadmSettings,
  podSubnetOf,
  quorumOf,
  toleranceOf,
} from "./hosts.ts";
import { refuse } from "./problems.ts";
import { formatSubnet, parseSubnet } from "./subnet.ts";

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
  /** Names of the hosts with a voting etcd member. */
  readonly members: readonly string[];
  /** Members that must agree before a write counts. */
  readonly quorum: number;
  /** Members that may be lost with nothing stopping. */
  readonly tolerance: number;
  /** What the loss of each single host costs. */
  readonly losses: readonly { readonly host: string; readonly cost: string }[];
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
  const hosts = placeHosts(settings);
  const [first] = hosts;
  if (first === undefined) throw new Error("a plan without hosts passed its own checks");
  const members = hosts.filter((host) => host.role === "control-plane").map((host) => host.name);
  const plan = {
    clusterName: settings.clusterName,
    kubernetesVersion: settings.kubernetesVersion,
    endpoint: settings.endpoint ?? `${first.address}:${apiPort}`,
    hosts,
    first,
    members,
    quorum: quorumOf(members.length),
    tolerance: toleranceOf(members.length),
  };
  return {
    ...plan,
    losses: hosts.map((host) => ({ host: host.name, cost: lossOf(host, hosts, plan.endpoint) })),
    steps: orderSteps(hosts, settings.network.plugin),
    warnings: warningsOf(settings, hosts),
  };
}

function placeHosts(settings: KubeadmSettings): PlannedHost[] {
  const whole = settings.network.plugin === "routed" ? parseSubnet(settings.network.podSubnet) : undefined;
  const firstName = settings.firstHost ?? controlPlaneNames(settings)[0];
  const workers = Object.values(settings.hosts).some((host) => host.role === "worker");
  const rank = (host: PlannedHost) => (host.name === firstName ? 0 : host.role === "control-plane" ? 1 : 2);
  return byName(settings)
    .map(([name, host]): PlannedHost => {
      const podSubnet = whole && podSubnetOf(host, whole);
      return {
        name,
        address: host.address,
        role: host.role,
        schedulable: host.role === "worker" || (host.schedulable ?? !workers),
        zone: host.zone,
        podSubnet: podSubnet && formatSubnet(podSubnet),
        kubelet: host.kubelet ?? {},
      };
    })
    .sort((a, b) => rank(a) - rank(b));
}

function lossOf(host: PlannedHost, hosts: readonly PlannedHost[], endpoint: string): string {
  const rest = hosts.filter((other) => other !== host);
  const runsPods = rest.some((other) => other.schedulable);
  const pods = !host.schedulable ? "no pods" : runsPods ? "its pods start again elsewhere" : "its pods stay down";
  if (host.role === "worker") return `control plane untouched; ${pods}`;
  const members = hosts.filter((other) => other.role === "control-plane").length;
  if (members === 1) return "reads, writes and scheduling stop, and the only copy of the data is on it";
  if (members - 1 < quorumOf(members)) return `writes and scheduling stop until it is back; ${pods}`;
  const left = members - 1 - quorumOf(members);
  const reach = endpoint.split(":")[0] === host.address ? "; the API is not reached, as the endpoint is this host" : "";
  return `reads, writes and scheduling go on, ${left} more may be lost${reach}; ${pods}`;
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

function warningsOf(settings: KubeadmSettings, hosts: readonly PlannedHost[]): string[] {
  const members = hosts.filter((host) => host.role === "control-plane");
  const warnings: string[] = [];
  if (members.length === 1 && !settings.local) {
    warnings.push(
      "one control-plane host: its loss stops the cluster and loses the data; three tolerate the loss of one",
    );
  }
  if (members.length === 1 && settings.endpoint === undefined && !settings.local) {
    warnings.push(
      "no endpoint: more control-plane hosts can join later only through a name set before the cluster begins",
    );
  }
  const endpointHost = settings.endpoint?.split(":")[0];
  const single = members.length > 1 ? members.find((host) => host.address === endpointHost) : undefined;
  if (single !== undefined) {
    warnings.push(
      `endpoint is the address of ${single.name}: its loss takes the API with it though etcd keeps its quorum`,
    );
  }
  if (members.length > 1) {
    for (const zone of new Set(members.map((host) => host.zone ?? ""))) {
      const inside = members.filter((host) => (host.zone ?? "") === zone).length;
      if (zone !== "" && members.length - inside < quorumOf(members.length)) {
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
  return warnings;
}
