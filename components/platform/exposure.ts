/** How a Service is reached from outside the cluster. */
export interface ExposureArgs {
  /** Port that the outside reaches, 1 to 65535. */
  readonly port: number;
}

/** The parts of a Service that say whether the outside reaches it. */
export function exposure(expose: ExposureArgs | undefined): {
  readonly type: "LoadBalancer" | "ClusterIP";
  readonly annotations?: Readonly<Record<string, string>>;
} {
  if (expose === undefined) return { type: "ClusterIP" };
  // A balancer outside the cluster may get its address only after the stack is up: nothing waits for it.
  return { type: "LoadBalancer", annotations: { "pulumi.com/skipAwait": "true" } };
}
