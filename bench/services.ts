import { stringify } from "yaml";

/** What differs between the generated services. */
export interface BenchService {
  readonly name: string;
  readonly replicas: number;
  readonly port: number;
  readonly memoryMiB: number;
  readonly greeting: string;
}

export function generateServices(count: number): BenchService[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `service-${String(index + 1).padStart(4, "0")}`,
    // As many as give the kind of disruption budget that the model service has.
    replicas: 20 + (index % 3),
    port: 8000 + (index % 100),
    memoryMiB: 64 + 32 * (index % 4),
    greeting: `hello from service ${index + 1}`,
  }));
}

/** A service whose values occur nowhere else, so that the places where they end up can be found in its objects. */
export const modelService: BenchService = {
  name: "model-service",
  replicas: 97,
  port: 54_323,
  memoryMiB: 314_159,
  greeting: "a greeting of the model service",
};

/** A cluster that the stack is brought up on, in a namespace of its own. */
export interface BenchCluster {
  readonly kubeconfig: string;
  readonly context: string;
}

export const clusterNamespaces = ["quorum-bench", "quorum-bench-monitoring"] as const;

/**
 * A stack of services alone, on a cluster that exists: all that grows with the number of services, and little else. On a real
 * cluster they are DaemonSets for nodes that are not there, so that no pod is scheduled for any contestant.
 */
export function benchStack(services: readonly BenchService[], cluster?: BenchCluster): string {
  const kind = (replicas: number) =>
    cluster === undefined
      ? { replicas }
      : { kind: "DaemonSet", placement: { nodeSelector: { "quorum-bench": "nowhere" } } };
  const described: Record<string, unknown> = {};
  for (const { name, replicas, port, memoryMiB, greeting } of services) {
    described[name] = {
      image: "app",
      role: "web",
      port,
      resources: { memoryMiB },
      env: { GREETING: greeting },
      ...kind(replicas),
    };
  }
  const [apps, monitoring] = clusterNamespaces;
  return stringify({
    config: {
      "quorum:images": {
        registry: "registry.example.com",
        builds: { app: { context: "app", digest: `sha256:${"1".repeat(64)}` } },
      },
      "quorum:services": described,
      "quorum:storage": { provisioner: "existing" },
      "quorum:monitoring": { prometheus: { enabled: false }, metricsServer: { enabled: false } },
      "quorum:controlPlane": { mode: "existing", context: "bench", ...cluster },
      ...(cluster === undefined ? {} : { "quorum:platform": "shared", "quorum:namespaces": { apps, monitoring } }),
    },
  });
}
