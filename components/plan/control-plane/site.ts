import type { ControlPlanePlan } from "./control-plane.ts";
import { apiPort } from "./hosts.ts";
import { etcdClientPort, etcdPeerPort } from "./operation.ts";

/** One row of the firewall's table. */
export interface OpenPort {
  readonly port: string;
  readonly protocol: "TCP" | "UDP";
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

/** @see https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-certs/ */
const leafDays = 365;
const authorityDays = 3650;

/** Which connections a firewall must let through. @see https://kubernetes.io/docs/reference/networking/ports-and-protocols/ */
export function openPorts(plan: Pick<ControlPlanePlan, "placements" | "endpoint">): OpenPort[] {
  const where = (has: (placement: ControlPlanePlan["placements"][number]) => boolean) =>
    plan.placements
      .filter(has)
      .map(({ host }) => host)
      .join(", ");
  const apis = where(({ apiServers }) => apiServers > 0);
  const etcd = where((placement) => placement.etcd + placement.events > 0);
  const nodes = where(({ apiServers, takesPods }) => apiServers > 0 || takesPods);
  const rows: OpenPort[] = [
    { port: String(apiPort), protocol: "TCP", on: apis, from: "all hosts, people, balancer", what: "Kubernetes API" },
    { port: String(etcdClientPort), protocol: "TCP", on: etcd, from: apis, what: "etcd clients" },
    { port: String(etcdPeerPort), protocol: "TCP", on: etcd, from: etcd, what: "etcd peers" },
    { port: "10250", protocol: "TCP", on: nodes, from: `${apis}, metrics-server`, what: "kubelet" },
    { port: "10257, 10259", protocol: "TCP", on: apis, from: "Prometheus", what: "controller manager, scheduler" },
    { port: "30000-32767", protocol: "TCP", on: nodes, from: "balancers", what: "NodePort Services" },
    { port: "22", protocol: "TCP", on: "all hosts", from: "where up runs", what: "SSH" },
  ];
  return rows.filter(({ on }) => on !== "");
}

/** What expires, and when. */
export function certificates(): Certificate[] {
  const renew = "kubeadm certs renew, or an upgrade";
  return [
    { name: "authorities: cluster, etcd, front proxy", days: authorityDays, renewed: "by hand, before they end" },
    { name: "API server, its clients of etcd and kubelets, front proxy", days: leafDays, renewed: renew },
    { name: "etcd server, peer, health check", days: leafDays, renewed: renew },
    { name: "kubeconfigs: admin, controller manager, scheduler", days: leafDays, renewed: renew },
    { name: "kubelet client", days: leafDays, renewed: "the kubelet itself" },
    { name: "kubelet serving", days: leafDays, renewed: "the kubelet asks; up approves" },
  ];
}

/** What else a site must keep to get the cluster back, and where it is. */
export function keepsakes(plan: Pick<ControlPlanePlan, "first" | "endpoint">): Keepsake[] {
  return [
    { what: "authorities and service account keys", where: `/etc/kubernetes/pki on ${plan.first.name}` },
    { what: "kubeadm's configuration, patches", where: `/etc/kubernetes/quorum on every host` },
    { what: "etcd snapshots", where: "off the cluster, with the private key that opens them" },
    { what: "DNS records", where: `${plan.endpoint.split(":")[0] ?? ""} and the stack's hostnames` },
    { what: "addresses of hosts, balancer, pods, Services", where: "quorum:controlPlane in the stack's file" },
    { what: "administrators' kubeconfigs", where: "/etc/kubernetes/admin.conf; the stack's secret output" },
    {
      what: "accounts and groups (LDAP, OIDC)",
      where: "the identity provider; quorum:security.access names the groups",
    },
    { what: "packages and images for a site without a way out", where: "the mirror that quorum:images names" },
  ];
}
