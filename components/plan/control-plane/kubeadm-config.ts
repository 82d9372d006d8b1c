import { stringify } from "yaml";
import { nodePorts } from "../connections/monitoring-parts.ts";
import { apiServerVolumes } from "./api-server-files.ts";
import { balancerNames } from "./balancer.ts";
import { mirrorRepository } from "../images/images.ts";
import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import {
  apiServerFlags,
  controllerManagerFlags,
  etcdFlags,
  everyAddress,
  type Flag,
  hours,
  schedulerFlags,
} from "./hardening.ts";
import { apiPort, type KubeadmSettings } from "./hosts.ts";
import { kubeletDocument } from "./kubelet-config.ts";

const kubeadmApi = "kubeadm.k8s.io/v1beta4";
/** Folder on each host for what quorum writes; beside kubeadm's own, so that whoever keeps one keeps both. */
export const hostFolder = "/etc/kubernetes/quorum";
export const patchesFolder = `${hostFolder}/patches`;
export const discoveryFile = `${hostFolder}/join/discovery.conf`;
export const criSocket = "unix:///run/containerd/containerd.sock";
const controlPlaneTaint = { key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" };
/** The bootstrap token that kubeadm insists on is not used: hosts join by a sealed ticket. */
const unusedTokenLifetime = "1m0s";

type Document = Readonly<Record<string, unknown>>;

/** What `kubeadm init` reads on the first host, and its phases on another member whose settings change. */
export function initDocuments(
  settings: KubeadmSettings,
  plan: ControlPlanePlan,
  mirror?: string,
  host: PlannedHost = plan.first,
): Document[] {
  return [
    {
      apiVersion: kubeadmApi,
      kind: "InitConfiguration",
      bootstrapTokens: [{ ttl: unusedTokenLifetime }],
      localAPIEndpoint: { advertiseAddress: host.address, bindPort: apiPort },
      nodeRegistration: nodeRegistration(settings, host),
      patches: { directory: patchesFolder },
    },
    clusterDocument(settings, plan, mirror),
    kubeletDocument(settings),
    {
      ...(settings.metrics ? { metricsBindAddress: `${everyAddress}:${nodePorts.kubeProxy}` } : {}),
      ...settings.kubeProxy,
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
    },
  ];
}

/** What `kubeadm join` reads on every further host. */
export function joinDocument(settings: KubeadmSettings, host: PlannedHost): Document {
  return {
    apiVersion: kubeadmApi,
    kind: "JoinConfiguration",
    discovery: { file: { kubeConfigPath: discoveryFile } },
    nodeRegistration: nodeRegistration(settings, host),
    patches: { directory: patchesFolder },
    ...(host.role === "control-plane"
      ? { controlPlane: { localAPIEndpoint: { advertiseAddress: host.address, bindPort: apiPort } } }
      : {}),
  };
}

/**
 * The same with etcd as kubeadm itself would make it, whoever does: only then do kubeadm's phases make certificates of etcd, and
 * does it name etcd's image.
 */
export function certificateDocuments(
  settings: KubeadmSettings,
  plan: ControlPlanePlan,
  mirror?: string,
  host: PlannedHost = plan.first,
): Document[] {
  return initDocuments(settings, { ...plan, etcdMode: "stacked" }, mirror, host);
}

export function toYaml(documents: readonly Document[]): string {
  return documents.map((document) => stringify(document, { lineWidth: 0 })).join("---\n");
}

function clusterDocument(settings: KubeadmSettings, plan: ControlPlanePlan, mirror: string | undefined): Document {
  return {
    apiVersion: kubeadmApi,
    kind: "ClusterConfiguration",
    clusterName: plan.clusterName,
    kubernetesVersion: `v${plan.kubernetesVersion}`,
    controlPlaneEndpoint: plan.endpoint,
    networking: { podSubnet: settings.network.podSubnet, serviceSubnet: settings.network.serviceSubnet },
    certificateValidityPeriod: hours(settings.certificates.days),
    caCertificateValidityPeriod: hours(settings.certificates.authorityDays),
    apiServer: {
      certSANs: [...new Set(["127.0.0.1", "localhost", ...balancerNames(plan), ...settings.certSans])],
      extraArgs: [...apiServerFlags(settings), ...layoutFlags(plan)],
      extraVolumes: apiServerVolumes(settings),
    },
    controllerManager: { extraArgs: controllerManagerFlags(settings) },
    scheduler: { extraArgs: schedulerFlags(settings) },
    ...(plan.etcdMode === "external" ? externalEtcd(plan) : etcdDocument(settings)),
    // A custom repository makes kubeadm look for CoreDNS without the folder that it has upstream.
    ...(mirror === undefined
      ? {}
      : { imageRepository: mirror, dns: { imageRepository: mirrorRepository("registry.k8s.io/coredns", mirror) } }),
  };
}

/** API servers that know every member go on when one ends; those of kubeadm's stacked etcd know their own host's alone. */
function externalEtcd({ etcd }: ControlPlanePlan): Document {
  return {
    etcd: {
      external: {
        endpoints: etcd.filter(({ cluster }) => cluster === "main").map(({ clientUrl }) => clientUrl),
        caFile: "/etc/kubernetes/pki/etcd/ca.crt",
        certFile: "/etc/kubernetes/pki/apiserver-etcd-client.crt",
        keyFile: "/etc/kubernetes/pki/apiserver-etcd-client.key",
      },
    },
  };
}

/** Flags of the API server that follow from what lies where. */
function layoutFlags({ etcd, apiServers }: ControlPlanePlan): Flag[] {
  const events = etcd.filter(({ cluster }) => cluster === "events").map(({ clientUrl }) => clientUrl);
  return [
    ...(events.length === 0 ? [] : [{ name: "etcd-servers-overrides", value: `/events#${events.join(";")}` }]),
    // Two of one address would write their own port over the other's, again and again.
    ...(apiServers.some(({ number }) => number > 1) ? [{ name: "endpoint-reconciler-type", value: "none" }] : []),
  ];
}

/** Name of the variable by which etcd's pod learns its host's address. */
const hostAddress = "HOST_IP";

function etcdDocument(settings: KubeadmSettings): Document {
  if (!settings.metrics) return { etcd: { local: { extraArgs: etcdFlags(settings) } } };
  // Of the two addresses kubeadm's probes take the first.
  const urls = ["127.0.0.1", `$(${hostAddress})`].map((host) => `http://${host}:${nodePorts.etcd}`).join(",");
  const extraArgs = [...etcdFlags(settings), { name: "listen-metrics-urls", value: urls }];
  const extraEnvs = [{ name: hostAddress, valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } }];
  return { etcd: { local: { extraArgs, extraEnvs } } };
}

function nodeRegistration(settings: KubeadmSettings, host: PlannedHost): Document {
  return {
    name: host.name,
    criSocket,
    taints: host.role === "control-plane" && !host.schedulable ? [controlPlaneTaint] : [],
    kubeletExtraArgs: [
      { name: "node-ip", value: host.address },
      // Its node waits, tainted, until the cloud's controller manager has told Kubernetes what machine it is.
      ...(settings.cloudProvider === undefined ? [] : [{ name: "cloud-provider", value: "external" }]),
    ],
    ignorePreflightErrors: settings.ignorePreflightErrors,
  };
}
