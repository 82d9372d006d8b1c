/** What a render is let off, with the reason. One that nothing needs any more fails the tests. */
export interface Exemption {
  /** `Kind/namespace/name`; `*` stands for any text. */
  readonly object: string;
  /** kube-score's name of the check. */
  readonly check: string;
  /** Stacks whose render needs it. @default both */
  readonly stacks?: readonly ("dev" | "prod")[];
  readonly reason: string;
}

/** Checks of kube-score that are off by default and that our objects pass. */
export const optionalChecks = [
  "container-seccomp-profile",
  "container-ports-check",
  "container-memory-requests-equal-limits",
];

const systemNamespace =
  "its namespace takes no policy of ours: kube-system is the cluster's own, and the provisioner must reach the API server, whose address no policy can name portably";

export const exemptions: readonly Exemption[] = [
  {
    object: "*",
    check: "container-image-pull-policy",
    reason:
      "every image is named by a version's tag or a digest that never moves, so pulling it again at each start would bring the same bytes and make every restart depend on the registry",
  },
  {
    object: "Deployment/apps/*",
    check: "deployment-has-host-podantiaffinity",
    reason:
      "pods are spread over hosts by topologySpreadConstraints, which say the same and also work with more pods than hosts; the check knows only affinity",
  },
  ...["prometheus", "alertmanager"].map((name): Exemption => {
    return {
      object: `StatefulSet/monitoring/${name}`,
      check: "statefulset-has-host-podantiaffinity",
      stacks: ["prod"],
      reason: "its pair is kept apart by topologySpreadConstraints, as services are; the check knows only affinity",
    };
  }),
  {
    object: "Deployment/monitoring/otel-gateway",
    check: "deployment-has-host-podantiaffinity",
    stacks: ["prod"],
    reason: "its pair is kept apart by topologySpreadConstraints, as services are; the check knows only affinity",
  },
  {
    object: "Deployment/monitoring/zipkin",
    check: "deployment-replicas",
    reason: "its spans are in its memory: a second pod would have others, and each question would meet one of them",
  },
  {
    object: "Deployment/monitoring/zipkin",
    check: "deployment-strategy",
    reason:
      "two pods beside each other would have half of the spans each, and the old one's are lost in a roll-out either way",
  },
  {
    object: "Deployment/monitoring/otel-gateway",
    check: "deployment-replicas",
    stacks: ["dev"],
    reason: "dev has one host, and an application keeps its spans for the seconds that a lost pod needs to come back",
  },
  {
    object: "Deployment/cluster-ui/headlamp",
    check: "deployment-replicas",
    stacks: ["dev"],
    reason: "it keeps nothing: who looks at the cluster while its pod comes back loads the page again",
  },
  ...["DaemonSet/monitoring-agents/otel-agent", "Deployment/monitoring/otel-*"].map((object): Exemption => {
    return {
      object,
      check: "pod-probes-identical",
      reason:
        "the collector has one page on its health; a pod that does not answer takes no more data at once, and is ended much later",
    };
  }),
  {
    object: "Deployment/cluster-ui/headlamp",
    check: "pod-probes-identical",
    stacks: ["dev"],
    reason: "it has no page on its health but the first one; it is ended only when that fails for much longer",
  },
  {
    object: "DaemonSet/monitoring-agents/otel-agent",
    check: "container-security-context-user-group-id",
    reason: "the logs of pods belong to root and nobody else may read them; of root's rights it has no more than that",
  },
  ...["etcd-backup", "etcd-maintenance", "restore-drill"].map((name): Exemption => {
    return {
      object: `CronJob/monitoring-agents/${name}`,
      check: "container-security-context-user-group-id",
      reason:
        "the control plane's keys, and what one run leaves to the next, belong to root and nobody else may read them; of root's rights it has no other",
    };
  }),
  {
    object: "StatefulSet/monitoring/grafana",
    check: "container-security-context-user-group-id",
    reason: "the image is made for the user 472, to whom its folders belong",
  },
  {
    object: "StatefulSet/monitoring/grafana",
    check: "statefulset-has-servicename",
    reason:
      "there is one pod, which nobody asks by a name of its own: the Service with an address is all that is needed",
  },
  {
    object: "Deployment/cluster-ui/headlamp",
    check: "container-security-context-user-group-id",
    stacks: ["dev"],
    reason: "the image is made for the user 100, to whom its folders belong",
  },
  {
    object: "Deployment/kube-system/metrics-server",
    check: "deployment-replicas",
    reason:
      "one pod is metrics-server's ordinary deployment: without it for a moment kubectl top has no answer, and an autoscaler keeps the number that it has",
  },
  {
    object: "Deployment/monitoring/kube-state-metrics",
    check: "deployment-replicas",
    reason:
      "two pods would tell everything twice; what a lost one could not tell for some seconds is what no alert waits less for than a minute",
  },
  {
    object: "Deployment/kube-system/metrics-server",
    check: "container-resources",
    reason: "it has no CPU limit: throttled, it would answer too late for the autoscalers just when all pods are busy",
  },
  {
    object: "Deployment/local-path-storage/local-path-provisioner",
    check: "container-resources",
    reason: "it has no CPU limit: throttled, it would make every pod that waits for a volume wait longer",
  },
  { object: "Deployment/kube-system/metrics-server", check: "pod-networkpolicy", reason: systemNamespace },
  {
    object: "Deployment/local-path-storage/local-path-provisioner",
    check: "pod-networkpolicy",
    reason: systemNamespace,
  },
];

const gateways = ["Deployment/istio-system/istio-egress", "Deployment/ingress/istio-ingress"];
const withProxy = "the container is a stand-in: istiod puts the proxy into its place when the pod is made, ";
const limitRange = "its chart names none, and the LimitRange of its namespace gives it them";

/** What the objects of a mesh are let off besides, most of them made by Istio's own charts. */
export const meshExemptions: readonly Exemption[] = [
  ...gateways.flatMap((object): Exemption[] => [
    { object, check: "container-image-tag", reason: `${withProxy}with its image` },
    { object, check: "pod-probes", reason: `${withProxy}with its probes` },
    {
      object,
      check: "deployment-has-host-podantiaffinity",
      reason: "its pods are kept apart by topologySpreadConstraints, as services are; the check knows only affinity",
    },
  ]),
  ...[...gateways, "Deployment/istio-system/istiod", "DaemonSet/istio-cni/istio-cni-node"].map((object): Exemption => {
    return { object, check: "container-ephemeral-storage-request-and-limit", reason: limitRange };
  }),
  ...[...gateways, "Deployment/istio-system/istiod"].map((object): Exemption => {
    return {
      object,
      check: "container-security-context-user-group-id",
      reason:
        "Istio's images are made for the user 1337, by whose number a proxy's own traffic is told from that of its pod",
    };
  }),
  {
    object: "Deployment/istio-system/istiod",
    check: "pod-probes",
    reason:
      "its chart has no liveness probe: one that is not ready gets no further proxies, and ending it would cut those off that it still serves",
  },
  {
    object: "Deployment/istio-system/istiod",
    check: "deployment-replicas",
    reason:
      "how many there are is quorum:mesh.istiod.replicas: without any for a moment, proxies go on with what they know and new pods wait",
  },
  {
    object: "DaemonSet/istio-cni/istio-cni-node",
    check: "container-security-context-user-group-id",
    reason:
      "it writes a plugin into folders of root on its host, and enters the network of each new pod; it runs in a namespace of its own",
  },
  {
    object: "DaemonSet/istio-cni/istio-cni-node",
    check: "container-security-context-readonlyrootfilesystem",
    reason:
      "its chart leaves it writable, and no value of the chart closes it; what it writes for others lies on the host",
  },
  {
    object: "Deployment/monitoring/kiali",
    check: "deployment-replicas",
    reason: "it keeps nothing: who looks at the mesh while its pod comes back loads the page again",
  },
  {
    object: "Deployment/monitoring/kiali",
    check: "pod-probes-identical",
    reason:
      "it has one page on its health; a pod that does not answer gets no requests at once, and is ended much later",
  },
  {
    object: "Deployment/monitoring/kiali",
    check: "container-security-context-user-group-id",
    reason: "the image is made for the user 1000, to whom its folders belong",
  },
];

/** Kinds of definitions that others install: their schemas are no part of Kubernetes' source. By `apiVersion/kind`. */
export const withoutSchema: Readonly<Record<string, string>> = {
  "cert-manager.io/v1/Certificate": "cert-manager's; its API server checks it where cert-manager is",
  "gateway.networking.k8s.io/v1/HTTPRoute": "the Gateway API's; the stack brings its definition or the cluster has it",
  "gateway.networking.k8s.io/v1/Gateway": "the Gateway API's; the stack brings its definition or the cluster has it",
  "gateway.networking.k8s.io/v1/GatewayClass":
    "the Gateway API's; the stack brings its definition or the cluster has it",
  "traefik.io/v1alpha1/Middleware": "Traefik's; the stack brings its definition",
  "policy.sigstore.dev/v1beta1/ClusterImagePolicy": "sigstore's; its webhook checks it where policy-controller is",
  "policy.sigstore.dev/v1alpha1/TrustRoot": "sigstore's; its webhook checks it where policy-controller is",
  "snapshot.storage.k8s.io/v1/VolumeSnapshot": "the CSI snapshotter's; made only where it is",
};

export function matches({ object }: Exemption, name: string): boolean {
  const pattern = object.split("*").map((part) => part.replace(/[.\\/-]/g, "\\$&"));
  return new RegExp(`^${pattern.join(".*")}$`).test(name);
}
