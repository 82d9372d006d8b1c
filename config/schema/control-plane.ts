import { z } from "zod";
import { etcdBackup, etcdMaintenance, restoreDrill } from "./etcd-care.ts";
import { hardeningKeys } from "./hardening.ts";
import {
  integer,
  text,
  label,
  choice,
  flag,
  address,
  subnet,
  mapping,
  named,
  fields,
  list,
  dnsName,
} from "./shapes.ts";

const host = mapping({
  address: address("an IPv4 address", "192.0.2.11"),
  role: choice(["control-plane", "worker", "etcd", "events"]).default("control-plane"),
  /** How much it is trusted, against the others: of two hosts, the one with more holds etcd. @default 50 */
  reliability: integer(1, 100, 50).optional(),
  /** Physical machine under a virtual one: hosts that share it are lost together. */
  hypervisor: label("a physical machine", "rack1-m3").optional(),
  /** Whether the loss of one disk loses nothing (RAID, mirrored). @default single */
  storage: choice(["single", "redundant"]).optional(),
  /** Voting etcd members on it. @default by the plan */
  etcdMembers: integer(0, 7, 1).optional(),
  /** What the machine has; given, it is held against what its part needs. */
  memoryMiB: integer(512, 67_108_864, 8192).optional(),
  cpus: integer(1, 4096, 4).optional(),
  diskGiB: integer(1, 1_048_576, 40).optional(),
  schedulable: flag().optional(),
  zone: label("a zone", "a").optional(),
  podSubnet: subnet("10.244.1.0/24").optional(),
  kubelet: fields.default({}),
});

const networkInterface = text("the name of a network interface", "eth0", /^[A-Za-z0-9._@-]+$/, 15).optional();
const virtualAddress = address("a virtual IPv4 address: free, and of the hosts' network", "192.0.2.10");

/** What makes one address of several API servers. */
const balancer = z.discriminatedUnion(
  "kind",
  [
    /** Somebody else's, or a DNS name with several addresses: `endpoint` names it. */
    mapping({ kind: z.literal("given") }),
    mapping({
      kind: z.literal("haproxy"),
      address: virtualAddress,
      /** Of HAProxy, which is not root there; 6443 is the API server's on the same hosts. */
      port: integer(1024, 65535, 8443).default(8443),
      interface: networkInterface,
      /** VRRP's, unlike any other on that network. @default the last number of the address */
      routerId: integer(1, 255, 10).optional(),
    }),
    mapping({ kind: z.literal("kube-vip"), address: virtualAddress, interface: networkInterface }),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union"
        ? "one of given, haproxy, kube-vip; set it to one of them"
        : "a mapping with kind given, haproxy or kube-vip; write it as one",
  },
);

const hostPort = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:([1-9]\d{0,4})$/;

export const controlPlaneSchema = z.discriminatedUnion(
  "mode",
  [
    mapping({
      mode: z.literal("existing"),
      /** Context of the kubeconfig; never the current one by accident. */
      context: text("the name of a kubeconfig context (the current one is never taken by itself)", "kind-kind"),
      kubeconfig: text("a kubeconfig file", "~/.kube/config").optional(),
    }),
    mapping({
      mode: z.literal("kubeadm"),
      kubernetesVersion: text("a full version without v", "1.37.2", /^\d+\.\d+\.\d+$/),
      clusterName: label("a cluster name", "quorum-prod"),
      /** What one or two hosts are to withstand; see the plan. */
      goal: choice(["minimal", "storage-redundancy", "control-plane-redundancy"]).default("minimal"),
      etcd: mapping({
        /** Whether events have an etcd cluster of their own. */
        events: choice(["shared", "own"]).default("shared"),
        /** Size past which etcd refuses writes; etcd's own default is 2048 and its most 8192. */
        quotaMiB: integer(100, 8192, 2048).default(2048),
        /** The same of the cluster for events. @default quotaMiB */
        eventsQuotaMiB: integer(100, 8192, 1024).optional(),
        /** Longest round trip between two members; heartbeats and elections follow it. */
        roundTripMillis: integer(1, 5000, 10).default(10),
        /** Not set: etcd is not backed up. */
        backup: etcdBackup.optional(),
        maintenance: etcdMaintenance.prefault({}),
        drill: restoreDrill.prefault({}),
      }).prefault({}),
      /** Whether etcd, controller-manager, scheduler and kube-proxy can be scraped at the hosts' addresses: etcd and kube-proxy by plain HTTP. */
      metrics: flag().default(true),
      /** The hosts are those that `npm run local` makes on this machine. */
      local: flag().default(false),
      hosts: named(label("a host name", "cp-a"), host, "hosts, by name"),
      ...hardeningKeys,
      firstHost: label("the name of the host that begins the cluster", "cp-a").optional(),
      endpoint: text("host:port", "k8s.example.com:6443", hostPort, 259).optional(),
      balancer: balancer.default({ kind: "given" }),
      ssh: mapping({
        user: text("a user name", "root", /^[a-z_][a-z0-9_-]*$/, 32).default("root"),
        port: integer(1, 65535, 22).default(22),
        privateKeyFile: text("a private key file", "~/.ssh/id_ed25519").optional(),
        privateKey: z.string({ error: "a secret; set it with `pulumi config set --secret --path`" }).min(1).optional(),
      }),
      network: mapping({
        podSubnet: subnet("10.244.0.0/16").default("10.244.0.0/16"),
        serviceSubnet: subnet("10.96.0.0/16").default("10.96.0.0/16"),
        plugin: choice(["routed", "none"]).default("routed"),
      }).prefault({}),
      kubelet: fields.default({}),
      kubeProxy: fields.default({}),
      ignorePreflightErrors: list(text("a kubeadm check", "Swap", /^[A-Za-z0-9./-]+$/), "kubeadm checks").default([]),
      certSans: list(text("a DNS name or address", "k8s.example.com", dnsName), "names and addresses").default([]),
    }),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union"
        ? "one of existing, kubeadm; set it to one of them"
        : "a mapping with mode existing or kubeadm; write it as one",
  },
);
