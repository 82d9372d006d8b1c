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
  {
    object: "StatefulSet/monitoring/prometheus",
    check: "statefulset-has-host-podantiaffinity",
    stacks: ["prod"],
    reason: "its pair is kept apart by topologySpreadConstraints, as services are; the check knows only affinity",
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
