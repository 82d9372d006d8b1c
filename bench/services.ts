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
    replicas: 1 + (index % 3),
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

/** A stack of services alone, on a cluster that exists: all that grows with the number of services, and little else. */
export function benchStack(services: readonly BenchService[]): string {
  const described: Record<string, unknown> = {};
  for (const { name, replicas, port, memoryMiB, greeting } of services) {
    described[name] = {
      image: "app",
      role: "web",
      replicas,
      port,
      resources: { memoryMiB },
      env: { GREETING: greeting },
    };
  }
  return stringify({
    config: {
      "quorum:images": {
        registry: "registry.example.com",
        builds: { app: { context: "app", digest: `sha256:${"1".repeat(64)}` } },
      },
      "quorum:services": described,
      "quorum:storage": { provisioner: "existing" },
      "quorum:monitoring": { prometheus: { enabled: false }, metricsServer: { enabled: false } },
      "quorum:controlPlane": { mode: "existing", context: "bench" },
    },
  });
}
