import { balancerMetricsPort } from "./balancer.ts";
import type { ControlPlanePlan } from "./control-plane.ts";
import type { EtcdMember } from "./etcd-members.ts";
import type { KubeadmSettings } from "./hosts.ts";
import { list } from "../problems.ts";

/** One row of the firewall's table. */
export interface OpenPort {
  readonly port: string;
  /** VRRP is IP protocol 112 and has no ports. */
  readonly protocol: "TCP" | "UDP" | "VRRP";
  readonly on: string;
  readonly from: string;
  readonly what: string;
}

/** A certificate or key of the control plane, and how long it lives. */
export interface Certificate {
  readonly name: string;
  readonly days: number;
  /** Who makes it anew before it ends. */
  readonly renewed: string;
}

/** Something without which the cluster cannot be made again, and where it is. */
export interface Keepsake {
  readonly what: string;
  readonly where: string;
}

/** Which connections a firewall must let through. @see https://kubernetes.io/docs/reference/networking/ports-and-protocols/ */
export function openPorts(
  plan: Pick<ControlPlanePlan, "placements" | "endpoint" | "balancer" | "etcd" | "apiServers">,
): OpenPort[] {
  const where = (has: (placement: ControlPlanePlan["placements"][number]) => boolean) =>
    plan.placements
      .filter(has)
      .map(({ host }) => host)
      .join(", ");
  const apis = where(({ apiServers }) => apiServers > 0);
  const nodes = where(({ apiServers, takesPods }) => apiServers > 0 || takesPods);
  const rows: OpenPort[] = [
    {
      port: portsOf(plan.apiServers, ({ ports }) => [ports.api]),
      protocol: "TCP",
      on: apis,
      from: "all hosts, people, balancer",
      what: "Kubernetes API",
    },
    ...balancerPorts(plan.balancer),
    ...etcdPorts(plan, "main", apis),
    ...etcdPorts(plan, "events", apis),
    { port: "10250", protocol: "TCP", on: nodes, from: `${apis}, metrics-server`, what: "kubelet" },
    {
      port: portsOf(plan.apiServers, ({ ports }) => [ports.controllerManager, ports.scheduler]),
      protocol: "TCP",
      on: apis,
      from: "Prometheus",
      what: "controller manager, scheduler",
    },
    { port: "30000-32767", protocol: "TCP", on: nodes, from: "balancers", what: "NodePort Services" },
    { port: "22", protocol: "TCP", on: "all hosts", from: "where up runs", what: "SSH" },
  ];
  return rows.filter(({ on }) => on !== "");
}

function balancerPorts(balancer: ControlPlanePlan["balancer"]): OpenPort[] {
  if (balancer?.kind !== "haproxy") return [];
  const on = balancer.hosts.map(({ name }) => name).join(", ");
  return [
    {
      port: String(balancer.port),
      protocol: "TCP",
      on: `${on}, ${balancer.address}`,
      from: "all hosts, people",
      what: "HAProxy before the API",
    },
    ...(balancer.metrics
      ? [
          {
            port: String(balancerMetricsPort),
            protocol: "TCP" as const,
            on,
            from: "Prometheus",
            what: "figures of HAProxy",
          },
        ]
      : []),
    ...(balancer.hosts.length > 1
      ? [{ port: "112", protocol: "VRRP" as const, on, from: on, what: "keepalived, at the hosts' own addresses" }]
      : []),
  ];
}

/** Of one etcd cluster: further members on a host have ports of their own. */
function etcdPorts({ etcd }: Pick<ControlPlanePlan, "etcd">, cluster: EtcdMember["cluster"], apis: string): OpenPort[] {
  const members = etcd.filter((member) => member.cluster === cluster);
  const on = [...new Set(members.map(({ host }) => host))].join(", ");
  const what = cluster === "main" ? "etcd" : "etcd of events";
  const row = (name: keyof EtcdMember["ports"], from: string, purpose: string): OpenPort => ({
    port: portsOf(members, ({ ports }) => [ports[name]]),
    protocol: "TCP",
    on,
    from,
    what: `${what} ${purpose}`,
  });
  return [row("client", apis, "clients"), row("peer", on, "peers"), row("metrics", "Prometheus", "metrics")];
}

function portsOf<Part>(parts: readonly Part[], of: (part: Part) => readonly number[]): string {
  return [...new Set(parts.flatMap(of))].sort((a, b) => a - b).join(", ");
}

/** What expires, and when. @see https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-certs/ */
export function certificates({ days: leafDays, authorityDays }: KubeadmSettings["certificates"]): Certificate[] {
  const renew = "npm run control-plane -- renew, or an upgrade";
  return [
    { name: "authorities: cluster, etcd, front proxy", days: authorityDays, renewed: "by hand, before they end" },
    { name: "API server, its clients of etcd and kubelets, front proxy", days: leafDays, renewed: renew },
    { name: "etcd server, peer, health check", days: leafDays, renewed: renew },
    { name: "kubeconfigs: admin, controller manager, scheduler", days: leafDays, renewed: renew },
    { name: "kubelet client", days: leafDays, renewed: "the kubelet itself" },
    { name: "kubelet serving", days: leafDays, renewed: "the kubelet asks; up approves" },
  ];
}

/**
 * What else a site must keep to get the cluster back, and where it is. The archives of EtcdBackup hold what lies on the hosts, so
 * that of it all the private key that opens them is the one thing to keep by hand.
 */
export function keepsakes(plan: Kept): Keepsake[] {
  const folder = "/etc/kubernetes/quorum";
  const members = plan.hosts.filter(({ role }) => role === "control-plane").map(({ name }) => name);
  const name = plan.endpoint.split(":")[0] ?? "";
  const own = plan.balancer === undefined ? "the balancer of the site" : `${folder}/balancer on ${list(members)}`;
  return [
    {
      what: "authorities: cluster, etcd, front proxy; the service accounts' keys",
      where: `/etc/kubernetes/pki on ${list(members)}: ca, etcd/ca, front-proxy-ca, sa`,
    },
    {
      what: "certificates of API server, its clients of etcd and kubelets, front proxy",
      where: "beside them; made anew from the authorities by kubeadm",
    },
    { what: "keys by which Secrets are encrypted", where: `${folder}/encryption on ${list(members)}` },
    { what: "kubeadm's configuration, patches, audit policy", where: `${folder} on every host` },
    { what: "etcd snapshots", where: "the store of quorum:controlPlane.etcd.backup, off the cluster" },
    { what: "the private key that opens them", where: "with people, in two places, and never in the cluster" },
    { what: "DNS records", where: `${name} and the stack's hostnames; at whoever serves the zone` },
    {
      what: "addresses and reservations of hosts, pods, Services",
      where: "quorum:controlPlane in the stack's file; the site's DHCP and routers",
    },
    { what: "load balancers", where: `${plan.endpoint}: ${own}` },
    { what: "administrators' kubeconfigs", where: "/etc/kubernetes/admin.conf; the stack's secret output" },
    {
      what: "accounts and groups (LDAP, OIDC)",
      where: "the identity provider; quorum:security.access names the groups",
    },
    { what: "the cloud's account and settings", where: "its console and its secrets, where a cloud provider is named" },
    {
      what: `kubeadm, kubelet and kubectl ${plan.kubernetesVersion}, containerd, images`,
      where: "packages and the mirror that quorum:images names, for a site without a way out",
    },
    { what: "the stack's file, its secrets and this program", where: "their Git repository, and a clone off the site" },
  ];
}

type Kept = Pick<ControlPlanePlan, "hosts" | "endpoint" | "balancer" | "kubernetesVersion">;
