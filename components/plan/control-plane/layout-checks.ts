import { apiInstances, etcdMembers, etcdModeOf, portStep } from "./etcd-members.ts";
import { byName, type HostSettings, isNode, type KubeadmSettings } from "./hosts.ts";
import { givenEndpoint } from "./balancer.ts";
import { list, type Problem } from "../problems.ts";
import { placeComponents } from "./topology.ts";

const key = "quorum:controlPlane";

/** What is wrong with layouts that kubeadm alone does not make: hosts of etcd alone, and several of one part on a host. */
export function layoutProblems(settings: KubeadmSettings): Problem[] {
  return [
    ...roleProblems(settings),
    ...firstHostProblems(settings),
    ...balancerProblems(settings),
    ...portProblems(settings),
  ];
}

/** Roles and counts that would mean nothing. */
function roleProblems(settings: KubeadmSettings): Problem[] {
  const hosts = byName(settings);
  const of = (role: HostSettings["role"]) => hosts.filter((one) => one[1].role === role).map(([name]) => name);
  const [dedicated, forEvents] = [of("etcd"), of("events")];
  const problems: Problem[] = [];
  if (forEvents.length > 0 && settings.etcd.events === "shared") {
    problems.push({
      key: `${key}.etcd.events`,
      text: `is shared, but ${list(forEvents)} ${forEvents.length === 1 ? "has" : "have"} role events; set it to own, or give ${forEvents.length === 1 ? "that host" : "those hosts"} another role`,
    });
  }
  if (dedicated.length > 0) {
    for (const [name, { role, etcdMembers = 0 }] of hosts) {
      if (role !== "control-plane" || etcdMembers === 0) continue;
      problems.push({
        key: `${key}.hosts.${name}.etcdMembers`,
        text: `is ${etcdMembers}, but ${list(dedicated)} ${dedicated.length === 1 ? "has" : "have"} role etcd and hold every member; leave it out, or leave out the hosts with role etcd`,
      });
    }
  }
  return problems;
}

/** The host that begins a cluster begins etcd too, unless hosts of etcd alone do. */
function firstHostProblems(settings: KubeadmSettings): Problem[] {
  const { firstHost } = settings;
  const placements = placeComponents(settings);
  const first = placements.find(({ host, apiServers }) => host === firstHost && apiServers > 0);
  if (first === undefined || etcdModeOf(placements) === "stacked" || first.etcd > 0) return [];
  const holders = placements.filter(({ host, etcd }) => etcd > 0 && isNode(settings.hosts[host]?.role ?? "etcd"));
  if (holders.length === 0) return [];
  return [
    {
      key: `${key}.firstHost`,
      text: `is "${firstHost ?? ""}", but that host has no etcd member, and an API server starts only once etcd is there; set it to ${list(
        holders.map(({ host }) => host),
        "or",
      )}, or leave it out`,
    },
  ];
}

/** Two API servers of one address are of use only behind something that knows both ports. */
function balancerProblems(settings: KubeadmSettings): Problem[] {
  const further = apiInstances(settings).filter(({ number }) => number > 1);
  const [one] = further;
  if (one === undefined) return [];
  const { balancer } = settings;
  const several = `${further.filter(({ host }) => host === one.host).length + 1} API servers on ${one.host}`;
  if (balancer?.kind === "kube-vip") {
    return [
      {
        key: `${key}.balancer.kind`,
        text: `is kube-vip, but it balances nothing and goal control-plane-redundancy has ${several}; set it to haproxy, or set goal to minimal`,
      },
    ];
  }
  if (balancer?.kind === "haproxy") return [];
  const ports = apiInstances(settings).map(({ ports: { api } }) => api);
  const endpoint = givenEndpoint(settings);
  if (endpoint !== undefined && !ports.some((port) => endpoint === `${one.address}:${port}`)) return [];
  return [
    {
      key: `${key}.balancer`,
      text: `is not given, but goal control-plane-redundancy has ${several}, at ports ${list(ports.map(String))}, and something must choose one that is ready; set it to {kind: haproxy, address: a free address}, set endpoint to a balancer of your own in front of both, or set goal to minimal`,
    },
  ];
}

/** Ports of further members and API servers against that of HAProxy, which shares their hosts. */
function portProblems(settings: KubeadmSettings): Problem[] {
  const { balancer } = settings;
  if (balancer?.kind !== "haproxy") return [];
  const taken = [
    ...etcdMembers(settings).flatMap(({ name, ports }) =>
      Object.entries(ports).map(([what, port]): [number, string] => [port, `etcd member ${name} (${what})`]),
    ),
    ...apiInstances(settings)
      .filter(({ number }) => number > 1)
      .flatMap(({ host, number, ports }) =>
        Object.values(ports).map((port): [number, string] => [port, `set ${number} of ${host}`]),
      ),
  ];
  // Those of a host's first set are told with the balancer's own checks.
  const holder = taken.find(([port]) => port === balancer.port && port > firstEtcdPorts);
  if (holder === undefined) return [];
  return [
    {
      key: `${key}.balancer.port`,
      text: `is ${balancer.port}, but ${holder[1]} has that port on the same hosts (further ones are ${portStep} apart); set another, for example 8443`,
    },
  ];
}

const firstEtcdPorts = 2381;
