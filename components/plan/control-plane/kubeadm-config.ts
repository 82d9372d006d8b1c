import { stringify } from "yaml";
import { nodePorts } from "../connections/monitoring-parts.ts";
import { mirrorRepository } from "../images/images.ts";
import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { apiPort, type KubeadmSettings } from "./hosts.ts";

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
    {
      serverTLSBootstrap: true,
      ...settings.kubelet,
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
    },
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
    apiServer: { certSANs: [...new Set(["127.0.0.1", "localhost", ...settings.certSans])] },
    ...withFlags("controllerManager", [
      // The plan hands out pod addresses: a controller that did so too would publish others in the Node objects.
      ...(settings.network.plugin === "routed" ? [{ name: "allocate-node-cidrs", value: "false" }] : []),
      ...metricsAddress(settings),
    ]),
    ...withFlags("scheduler", metricsAddress(settings)),
    ...etcdDocument(settings),
    // A custom repository makes kubeadm look for CoreDNS without the folder that it has upstream.
    ...(mirror === undefined
      ? {}
      : { imageRepository: mirror, dns: { imageRepository: mirrorRepository("registry.k8s.io/coredns", mirror) } }),
  };
}

/** All of a host's own: the settings are one text for all hosts, so they cannot name the address of one. */
const everyAddress = "0.0.0.0";

interface Flag {
  readonly name: string;
  readonly value: string;
}

/** kubeadm's probes ask at the pod's address, which is the host's, where this one is set. */
function metricsAddress({ metrics }: KubeadmSettings): Flag[] {
  return metrics ? [{ name: "bind-address", value: everyAddress }] : [];
}

function withFlags(component: string, extraArgs: readonly Flag[]): Document {
  return extraArgs.length === 0 ? {} : { [component]: { extraArgs } };
}

/** Name of the variable by which etcd's pod learns its host's address. */
const hostAddress = "HOST_IP";

/** etcd's own defaults. @see https://etcd.io/docs/v3.6/tuning/ and https://etcd.io/docs/v3.6/dev-guide/limit/ */
const etcdDefaults = { quotaMiB: 2048, heartbeatMillis: 100, electionMillis: 1000 };
const bytesPerMebibyte = 1024 * 1024;

/** Flags that differ from etcd's defaults: heartbeats at the longest round trip, elections after ten of them. */
function etcdDocument({ etcd: { quotaMiB, roundTripMillis }, metrics }: KubeadmSettings): Document {
  const heartbeat = Math.max(etcdDefaults.heartbeatMillis, roundTripMillis);
  const extraArgs = [
    ...(quotaMiB === etcdDefaults.quotaMiB
      ? []
      : [{ name: "quota-backend-bytes", value: String(quotaMiB * bytesPerMebibyte) }]),
    ...(heartbeat === etcdDefaults.heartbeatMillis
      ? []
      : [
          { name: "heartbeat-interval", value: String(heartbeat) },
          { name: "election-timeout", value: String(10 * heartbeat) },
        ]),
    // Of the two addresses kubeadm's probes take the first.
    ...(metrics
      ? [
          {
            name: "listen-metrics-urls",
            value: ["127.0.0.1", `$(${hostAddress})`].map((host) => `http://${host}:${nodePorts.etcd}`).join(","),
          },
        ]
      : []),
  ];
  const extraEnvs = metrics ? [{ name: hostAddress, valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } }] : [];
  if (extraArgs.length === 0) return {};
  return { etcd: { local: { extraArgs, ...(extraEnvs.length === 0 ? {} : { extraEnvs }) } } };
}

function nodeRegistration(settings: KubeadmSettings, host: PlannedHost): Document {
  return {
    name: host.name,
    criSocket,
    taints: host.role === "control-plane" && !host.schedulable ? [controlPlaneTaint] : [],
    kubeletExtraArgs: [{ name: "node-ip", value: host.address }],
    ignorePreflightErrors: settings.ignorePreflightErrors,
  };
}
