/** How a Service is reached from outside the cluster. */
export interface ExposureArgs {
  /** Port that the outside reaches, 1 to 65535. */
  readonly port: number;
  /** Balancer that serves it, where the cluster has several. A change replaces the Service. @default the cluster's own */
  readonly loadBalancerClass?: string | undefined;
  /** IPv4 address to ask the balancer for. @default whichever it gives */
  readonly address?: string | undefined;
}

/** The parts of a Service that say whether the outside reaches it: annotations, and fields of its spec. */
export function exposure(expose: ExposureArgs | undefined): {
  readonly type: "LoadBalancer" | "ClusterIP";
  readonly annotations?: Readonly<Record<string, string>>;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
} {
  if (expose === undefined) return { type: "ClusterIP" };
  return {
    type: "LoadBalancer",
    // A balancer outside the cluster may get its address only after the stack is up: nothing waits for it.
    annotations: { "pulumi.com/skipAwait": "true" },
    ...(expose.loadBalancerClass !== undefined && { loadBalancerClass: expose.loadBalancerClass }),
    // Deprecated for annotations, of which each balancer has its own; MetalLB, kube-vip and Cilium all read this field, and
    // MetalLB refuses a Service that has both.
    ...(expose.address !== undefined && { loadBalancerIP: expose.address }),
  };
}
