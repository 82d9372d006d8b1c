import { z } from "zod";
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
  role: choice(["control-plane", "worker"]).default("control-plane"),
  schedulable: flag().optional(),
  zone: label("a zone", "a").optional(),
  podSubnet: subnet("10.244.1.0/24").optional(),
  kubelet: fields.default({}),
});

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
      /** The hosts are those that `npm run local` makes on this machine. */
      local: flag().default(false),
      hosts: named(label("a host name", "cp-a"), host, "hosts, by name"),
      firstHost: label("the name of the host that begins the cluster", "cp-a").optional(),
      endpoint: text("host:port", "k8s.example.com:6443", hostPort, 259).optional(),
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
