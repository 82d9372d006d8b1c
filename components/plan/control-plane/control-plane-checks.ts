import { balancerProblems, givenEndpoint } from "./balancer.ts";
import { list, type Problem } from "../problems.ts";
import {
  apiPort,
  byName,
  type HostSettings,
  hostSubnetPrefix,
  type KubeadmSettings,
  podSubnetOf,
  quorumOf,
  slotsOf,
  toleranceOf,
} from "./hosts.ts";
import { hardeningProblems } from "./hardening-checks.ts";
import { layoutProblems } from "./layout-checks.ts";
import { requirementProblems } from "./requirements.ts";
import { placeComponents } from "./topology.ts";
import { contains, formatSubnet, overlap, parseAddress, parseSubnet, type Subnet } from "../subnet.ts";

/** Most voting members that etcd recommends. @see https://etcd.io/docs/v3.6/faq/ "What is maximum cluster size?" */
const maximumMembers = 7;

/** Everything that is wrong with the settings taken together. Their shapes are taken as checked. */
export function controlPlaneProblems(settings: KubeadmSettings): Problem[] {
  return [
    ...memberProblems(settings),
    ...requirementProblems(placeComponents(settings), settings.hosts),
    ...addressProblems(settings),
    ...podSubnetProblems(settings),
    ...balancerProblems(settings),
    ...layoutProblems(settings),
    ...hardeningProblems(settings),
  ];
}

const hostsKey = "quorum:controlPlane.hosts";

function memberProblems(settings: KubeadmSettings): Problem[] {
  const problems: Problem[] = [];
  const hosts = byName(settings);
  const names = (role: HostSettings["role"]) => hosts.filter(([, host]) => host.role === role).map(([name]) => name);
  const controlPlane = names("control-plane");
  const dedicated = names("etcd");
  const count = controlPlane.length;
  if (count === 0) {
    return [
      {
        key: hostsKey,
        text: "has no control-plane host, but it must have one at least; leave out `role` or set it to control-plane for one host",
      },
    ];
  }
  // Each cluster is counted by itself.
  const holders = hosts.filter(([, { role }]) => role !== "events");
  const forEvents = hosts.filter(([, { role }]) => role === "events");
  if (isGiven(forEvents)) problems.push(...givenMemberProblems(forEvents));
  else if (forEvents.length > 0)
    problems.push(...countProblems(names("events"), "events", "leave out one of them or add another"));
  if (isGiven(holders)) problems.push(...givenMemberProblems(holders));
  else if (dedicated.length > 0)
    problems.push(...countProblems(dedicated, "etcd", "leave out one of them or add another"));
  else
    problems.push(...countProblems(controlPlane, "control-plane", "set role: worker for one of them or add another"));
  const serving = placeComponents(settings).filter(({ apiServers }) => apiServers > 0);
  if (serving.length > 1 && givenEndpoint(settings) === undefined) {
    problems.push({
      key: "quorum:controlPlane.endpoint",
      text: `is missing, but with ${serving.length} control-plane hosts it must be the host:port of a balancer or name that reaches all of them; set it, for example to k8s.example.com:${apiPort}, or give balancer an address of its own`,
    });
  }
  const places = serving.map(({ host }) => host);
  if (settings.firstHost !== undefined && !places.includes(settings.firstHost)) {
    problems.push({
      key: "quorum:controlPlane.firstHost",
      text: `is "${settings.firstHost}", but it must be a control-plane host of this stack; set it to ${list(places, "or") || "one"}`,
    });
  }
  return [...problems, ...goalProblems(settings)];
}

function isGiven(hosts: readonly (readonly [string, HostSettings])[]): boolean {
  return hosts.some(([, { etcdMembers }]) => etcdMembers !== undefined);
}

/** One member on each host: their number must be odd; two hosts are a case of their own, where one holds them all. */
function countProblems(names: readonly string[], role: string, fix: string): Problem[] {
  const count = names.length;
  const are = `has ${count} ${role} hosts (${list(names)})`;
  if (count > maximumMembers) {
    const surplus = role === "control-plane" ? "set role: worker for" : "leave out";
    return [
      {
        key: hostsKey,
        text: `${are}, but etcd takes at most ${maximumMembers} voting members; ${surplus} ${count - maximumMembers} or more`,
      },
    ];
  }
  if (count === 2 || count % 2 === 1) return [];
  return [
    {
      key: hostsKey,
      text: `${are}, but it must be an odd number: ${count} members tolerate the loss of ${toleranceOf(count)}, as ${count - 1} do, and more can fail; ${fix}`,
    },
  ];
}

/** Counts that the user gives: what they add up to, and whether one host's loss takes the quorum of the others with it. */
function givenMemberProblems(hosts: readonly (readonly [string, HostSettings])[]): Problem[] {
  const holders = hosts.filter(([, { etcdMembers }]) => (etcdMembers ?? 0) > 0);
  const total = holders.reduce((sum, [, { etcdMembers }]) => sum + (etcdMembers ?? 0), 0);
  if (total === 0 || total > maximumMembers || total % 2 === 0) {
    return [
      {
        key: hostsKey,
        text: `has ${total} etcd members in all, but it must be 1, 3, 5 or 7; change etcdMembers of one host`,
      },
    ];
  }
  return holders.flatMap(([name, { etcdMembers = 0, role }]): Problem[] => {
    const key = `${hostsKey}.${name}.etcdMembers`;
    if (role === "worker") {
      return [{ key, text: `is ${etcdMembers}, but ${name} is a worker; set its role to control-plane or etcd` }];
    }
    if (holders.length === 1 || total - etcdMembers >= quorumOf(total)) return [];
    return [
      {
        key,
        text: `is ${etcdMembers}, but ${etcdMembers} of ${total} members on one host lose the quorum when it fails; put all ${total} on the most reliable host, or one on each of ${total} hosts`,
      },
    ];
  });
}

function goalProblems(settings: KubeadmSettings): Problem[] {
  if (settings.goal !== "storage-redundancy") return [];
  return placeComponents(settings).flatMap(({ host, etcd, redundantStorage }): Problem[] => {
    if (etcd === 0 || redundantStorage) return [];
    return [
      {
        key: `${hostsKey}.${host}.storage`,
        text: `is single, but goal storage-redundancy needs redundant storage under etcd; mirror the disk and set it to redundant, or set goal to minimal`,
      },
    ];
  });
}

function addressProblems(settings: KubeadmSettings): Problem[] {
  const problems: Problem[] = [];
  const podSubnet = parseSubnet(settings.network.podSubnet);
  const serviceSubnet = parseSubnet(settings.network.serviceSubnet);
  if (podSubnet && serviceSubnet && overlap(podSubnet, serviceSubnet)) {
    problems.push({
      key: "quorum:controlPlane.network.serviceSubnet",
      text: `is ${settings.network.serviceSubnet}, but it must not overlap podSubnet ${settings.network.podSubnet}; set one of them to a range of its own`,
    });
  }
  const seen = new Map<string, string>();
  for (const [name, host] of byName(settings)) {
    const key = `quorum:controlPlane.hosts.${name}.address`;
    const other = seen.get(host.address);
    if (other !== undefined) {
      problems.push({
        key,
        text: `is ${host.address}, but host ${other} has that address already; give each host its own`,
      });
    }
    seen.set(host.address, other ?? name);
    const address = parseAddress(host.address);
    for (const [subnetName, subnet] of [["podSubnet", podSubnet] as const, ["serviceSubnet", serviceSubnet] as const]) {
      if (address !== undefined && subnet && contains(subnet, address)) {
        problems.push({
          key,
          text: `is ${host.address}, but it must be outside ${subnetName} ${formatSubnet(subnet)}; set network.${subnetName} to a range that no machine uses`,
        });
      }
    }
  }
  return problems;
}

function podSubnetProblems(settings: KubeadmSettings): Problem[] {
  const whole = parseSubnet(settings.network.podSubnet);
  if (settings.network.plugin !== "routed" || whole === undefined) return [];
  const names = Object.keys(settings.hosts);
  const slots = slotsOf(whole);
  if (slots < names.length) {
    return [
      {
        key: "quorum:controlPlane.network.podSubnet",
        text: `is ${settings.network.podSubnet}, but it must hold a /${hostSubnetPrefix} for each of ${names.length} hosts and holds ${slots}; set a larger range, for example 10.244.0.0/16`,
      },
    ];
  }
  const problems: Problem[] = [];
  const taken: { name: string; subnet: Subnet }[] = [];
  for (const [name, host] of byName(settings)) {
    const key = `quorum:controlPlane.hosts.${name}.podSubnet`;
    const subnet = podSubnetOf(host, whole);
    if (subnet === undefined) continue;
    const is = `is ${formatSubnet(subnet)}${host.podSubnet === undefined ? " (from the address)" : ""}`;
    const clash = taken.find((other) => overlap(other.subnet, subnet));
    if (!contains(whole, subnet.base) || subnet.prefix < whole.prefix) {
      problems.push({
        key,
        text: `${is}, but it must be inside network.podSubnet ${formatSubnet(whole)}; set a part of it`,
      });
    } else if (clash !== undefined) {
      problems.push({
        key,
        text: `${is}, but host ${clash.name} has ${formatSubnet(clash.subnet)}; set podSubnet of one of them to a free /${hostSubnetPrefix} of ${formatSubnet(whole)}`,
      });
    }
    taken.push({ name, subnet });
  }
  return problems;
}
