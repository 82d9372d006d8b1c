import type { ControlPlanePlan } from "./control-plane.ts";
import { healthPath } from "./events-probes.ts";
import { apiInstances } from "./etcd-members.ts";
import { apiPort, byName, type KubeadmSettings } from "./hosts.ts";
import { type ImageCatalog, imageReference } from "../images/images.ts";
import type { Placement } from "./losses.ts";
import { list, type Problem } from "../problems.ts";
import { contains, formatSubnet, parseAddress, parseSubnet } from "../subnet.ts";

/** What stands before the API servers and makes one address of them. */
export type BalancerSettings =
  | {
      /** Somebody else's, or a DNS name with the address of every API server: quorum:controlPlane.endpoint names it. */
      readonly kind: "given";
    }
  | {
      /**
       * HAProxy on every control-plane host passes connections on to the API servers that are ready; keepalived (VRRP) has one
       * of these hosts hold the virtual address.
       */
      readonly kind: "haproxy";
      /** Virtual IPv4 address: of the hosts' network, and no machine's own. */
      readonly address: string;
      /** Port of HAProxy on the virtual address. It shares hosts with API servers, so 6443 is taken; it is not root, so 1024 or more. @default 8443 */
      readonly port: number;
      /** Network interface that gets the address. @default the one that has the host's own address */
      readonly interface?: string | undefined;
      /** VRRP's virtual router id, 1 to 255: unlike any other on that network. @default the last number of the address */
      readonly routerId?: number | undefined;
    }
  | {
      /** kube-vip on every control-plane host: the one that holds a Lease has the virtual address. It moves the address and balances nothing. */
      readonly kind: "kube-vip";
      /** Virtual IPv4 address: of the hosts' network, and no machine's own. */
      readonly address: string;
      /** Network interface that gets the address. @default the one that has the host's own address */
      readonly interface?: string | undefined;
    };

type OwnBalancer = Exclude<BalancerSettings, { kind: "given" }>;

/** A host with a share in the virtual address. */
export interface BalancerHost {
  readonly name: string;
  readonly address: string;
  /** VRRP's: of the hosts that are well the one with the most has the address. */
  readonly priority: number;
}

/** An API server that HAProxy passes connections on to. */
export interface BalancedServer {
  /** The host's name; a second one on the same host has a number. */
  readonly name: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** The balancer that runs on the control-plane hosts. */
export interface BalancerPlan {
  readonly kind: "haproxy" | "kube-vip";
  readonly address: string;
  readonly port: number;
  /** Undefined: each host finds its own. */
  readonly interface: string | undefined;
  /** By what an API server says that it is ready. */
  readonly readyPath: string;
  readonly routerId: number;
  /** Whether HAProxy tells its figures at the address of each host: `quorum:controlPlane.metrics`. */
  readonly metrics: boolean;
  /** By name. */
  readonly hosts: readonly BalancerHost[];
  /** By host. */
  readonly servers: readonly BalancedServer[];
}

/** Of the first host by name; each further one has one less. */
const highestPriority = 101;
/** Where HAProxy tells, on loopback, how it and this host's API server are. */
export const balancerHealthPort = 8404;
/** Where HAProxy tells its figures, at the address of each host, as etcd does. */
export const balancerMetricsPort = 8405;
/** Ports that something of every control-plane host has. */
const takenPorts: Readonly<Record<number, string>> = {
  22: "SSH",
  2379: "etcd's clients",
  2380: "etcd's peers",
  2381: "etcd's metrics",
  [balancerHealthPort]: "HAProxy's own health",
  [balancerMetricsPort]: "HAProxy's figures",
  10248: "the kubelet's health",
  10249: "kube-proxy's metrics",
  10250: "the kubelet",
  10256: "kube-proxy's health",
  10257: "the controller manager",
  10259: "the scheduler",
};
const nodePortRange = { from: 30000, to: 32767 };

const key = "quorum:controlPlane.balancer";

/** Images of data/images.yaml that a balancer runs. */
export function balancerImages(balancer: BalancerSettings | undefined): string[] {
  if (balancer?.kind === "haproxy") return ["haproxy", "keepalived"];
  return balancer?.kind === "kube-vip" ? ["kube-vip"] : [];
}

/** The references of those images. */
export function balancerReferences(
  balancer: BalancerSettings | undefined,
  { catalog, mirror }: { readonly catalog: ImageCatalog; readonly mirror?: string | undefined },
): Record<string, string> {
  return Object.fromEntries(balancerImages(balancer).map((name) => [name, imageReference(catalog, name, mirror)]));
}

/** host:port of the API where the settings say it: by endpoint, or by a balancer of our own. */
export function givenEndpoint({ endpoint, balancer }: KubeadmSettings): string | undefined {
  if (endpoint !== undefined || balancer === undefined || balancer.kind === "given") return endpoint;
  return `${balancer.address}:${portOf(balancer)}`;
}

function portOf(balancer: OwnBalancer): number {
  return balancer.kind === "haproxy" ? balancer.port : apiPort;
}

/** What of the balancer runs on the hosts; undefined where somebody else balances. */
export function planBalancer(settings: KubeadmSettings, placements: readonly Placement[]): BalancerPlan | undefined {
  const { balancer, hosts } = settings;
  if (balancer === undefined || balancer.kind === "given") return undefined;
  const serving = placements.filter(({ apiServers }) => apiServers > 0);
  const given = balancer.kind === "haproxy" ? balancer.routerId : undefined;
  return {
    kind: balancer.kind,
    address: balancer.address,
    port: portOf(balancer),
    interface: balancer.interface,
    // VRRP has no router 0.
    routerId: given ?? Math.max(1, (parseAddress(balancer.address) ?? 0) % 256),
    readyPath: healthPath(
      "/readyz",
      placements.some(({ events }) => events > 0),
    ),
    metrics: balancer.kind === "haproxy" && settings.metrics,
    hosts: serving.map(({ host }, index) => ({
      name: host,
      address: hosts[host]?.address ?? "",
      priority: highestPriority - index,
    })),
    servers: apiInstances(settings).map(({ host, address, number, ports }) => ({
      name: number === 1 ? host : `${host}.${number}`,
      host,
      address,
      port: ports.api,
    })),
  };
}

/** Names and addresses that the API server's certificate needs for its balancer; the endpoint is in it anyway. */
export function balancerNames({ balancer }: Pick<ControlPlanePlan, "balancer">): string[] {
  return balancer === undefined ? [] : [balancer.address];
}

/** A balancer cannot be left out: without its images the cluster would have no address. */
export function balancerImageProblems(
  balancer: BalancerSettings | undefined,
  unavailable: readonly string[],
): Problem[] {
  const missing = balancerImages(balancer).filter((image) => unavailable.includes(image));
  if (balancer === undefined || missing.length === 0) return [];
  const others = balancer.kind === "kube-vip" ? "haproxy, or to given with an endpoint" : "given with an endpoint";
  return [
    {
      key: `${key}.kind`,
      text: `is ${balancer.kind}, but its image ${list(missing)} is unavailable here; put it into the registry that quorum:images.mirror names, or set kind to ${others}`,
    },
  ];
}

/** What is wrong with the balancer, beyond the shape of its settings. */
export function balancerProblems(settings: KubeadmSettings): Problem[] {
  const { balancer } = settings;
  if (balancer === undefined || balancer.kind === "given") return [];
  return [
    ...addressProblems(settings, balancer.address),
    ...portProblems(settings, balancer),
    ...endpointProblems(settings),
  ];
}

function addressProblems(settings: KubeadmSettings, address: string): Problem[] {
  const at = `${key}.address`;
  const owner = byName(settings).find(([, host]) => host.address === address)?.[0];
  const free = "set a free address of the hosts' network";
  if (owner !== undefined) {
    return [
      {
        key: at,
        text: `is ${address}, but that is the address of host ${owner}, and a virtual address moves from host to host; ${free}`,
      },
    ];
  }
  const number = parseAddress(address);
  if (number === undefined) return [];
  const [first = 0] = address.split(".").map(Number);
  if (first === 0 || first === 127 || first >= 224)
    return [{ key: at, text: `is ${address}, but it must be one that a host can have; ${free}` }];
  return (["podSubnet", "serviceSubnet"] as const).flatMap((name): Problem[] => {
    const subnet = parseSubnet(settings.network[name]);
    if (subnet === undefined || !contains(subnet, number)) return [];
    return [{ key: at, text: `is ${address}, but it must be outside ${name} ${formatSubnet(subnet)}; ${free}` }];
  });
}

function portProblems(settings: KubeadmSettings, balancer: OwnBalancer): Problem[] {
  if (balancer.kind !== "haproxy") return [];
  const { port } = balancer;
  const problem = (why: string): Problem[] => [
    { key: `${key}.port`, text: `is ${port}, but ${why}; set another, for example 8443` },
  ];
  if (port === apiPort || apiInstances(settings).some(({ ports }) => ports.api === port))
    return problem(`HAProxy shares its hosts with API servers, which listen at ${port} on every address of theirs`);
  if (port >= nodePortRange.from && port <= nodePortRange.to)
    return problem(`${nodePortRange.from} to ${nodePortRange.to} are for NodePort Services`);
  const holder = takenPorts[port];
  return holder === undefined ? [] : problem(`${holder} has that port on the same hosts`);
}

function endpointProblems({ endpoint, balancer }: KubeadmSettings): Problem[] {
  if (endpoint === undefined || balancer === undefined || balancer.kind === "given") return [];
  const [host = "", port = ""] = endpoint.split(":");
  const wanted = portOf(balancer);
  const other = [
    ...(parseAddress(host) !== undefined && host !== balancer.address ? [`its address is ${balancer.address}`] : []),
    ...(Number(port) === wanted ? [] : [`its port is ${wanted}`]),
  ];
  if (other.length === 0) return [];
  return [
    {
      key: "quorum:controlPlane.endpoint",
      text: `is ${endpoint}, but it must lead to the balancer, and ${list(other)}; leave it out, or set it to ${balancer.address}:${wanted} or a DNS name for that address with port ${wanted}`,
    },
  ];
}
