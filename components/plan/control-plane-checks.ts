import { list, type Problem } from "./problems.ts";
import {
  apiPort,
  byName,
  controlPlaneNames,
  hostSubnetPrefix,
  type KubeadmSettings,
  podSubnetOf,
  slotsOf,
  toleranceOf,
} from "./hosts.ts";
import { contains, formatSubnet, overlap, parseAddress, parseSubnet, type Subnet } from "./subnet.ts";

/** Most voting members that etcd recommends. @see https://etcd.io/docs/v3.6/faq/ "What is maximum cluster size?" */
const maximumMembers = 7;

/** Everything that is wrong with the settings taken together. Their shapes are taken as checked. */
export function controlPlaneProblems(settings: KubeadmSettings): Problem[] {
  return [...memberProblems(settings), ...addressProblems(settings), ...podSubnetProblems(settings)];
}

function memberProblems(settings: KubeadmSettings): Problem[] {
  const problems: Problem[] = [];
  const members = controlPlaneNames(settings);
  const count = members.length;
  const hostsKey = "quorum:controlPlane.hosts";
  const are = `has ${count} control-plane hosts (${list(members)})`;
  if (count === 0) {
    problems.push({
      key: hostsKey,
      text: "has no control-plane host, but it must have 1, 3, 5 or 7; leave out `role` or set it to control-plane for at least one host",
    });
  } else if (count > maximumMembers) {
    problems.push({
      key: hostsKey,
      text: `${are}, but etcd takes at most ${maximumMembers} voting members; set role: worker for ${count - maximumMembers} or more`,
    });
  } else if (count % 2 === 0) {
    problems.push({
      key: hostsKey,
      text: `${are}, but it must be an odd number: ${count} members tolerate the loss of ${toleranceOf(count)}, as ${count - 1} do, and more can fail; set role: worker for one of them or add another`,
    });
  }
  if (count > 1 && settings.endpoint === undefined) {
    problems.push({
      key: "quorum:controlPlane.endpoint",
      text: `is missing, but with ${count} control-plane hosts it must be the host:port of a balancer or name that reaches all of them; set it, for example to k8s.example.com:${apiPort}`,
    });
  }
  if (settings.firstHost !== undefined && !members.includes(settings.firstHost)) {
    problems.push({
      key: "quorum:controlPlane.firstHost",
      text: `is "${settings.firstHost}", but it must be a control-plane host of this stack; set it to ${list(members, "or") || "one"}`,
    });
  }
  return problems;
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
