import { partsBehindSignIn, proxyNeeds } from "./sign-in.ts";

/** A part of the monitoring, and what each of its pods asks for. */
interface MonitoringPart {
  readonly enabled: boolean;
  /** @default 1 */
  readonly replicas?: number | undefined;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly storageGiB?: number | undefined;
  readonly expose?: unknown;
}

interface ReachedPart extends MonitoringPart {
  readonly ingress?: object | undefined;
}

/** What of the monitoring decides how much its pods need. */
export interface MonitoringPods {
  readonly prometheus: ReachedPart;
  readonly alertmanager: ReachedPart;
  readonly grafana: MonitoringPart;
  readonly kubeStateMetrics: MonitoringPart;
  readonly nodeExporter: MonitoringPart;
  readonly loki: MonitoringPart;
  readonly zipkin: ReachedPart;
  readonly signIn?: { readonly replicas: number } | undefined;
  readonly collector: { readonly agent: MonitoringPart; readonly gateway: MonitoringPart };
}

/** The parts that the monitoring has in its own namespace. */
export function ownPods(monitoring: MonitoringPods): MonitoringPart[] {
  const { prometheus, alertmanager, grafana, kubeStateMetrics, loki, zipkin, collector } = monitoring;
  // Beside the log agents there is one more of them, which reads events.
  const events = collector.agent;
  const proxies = partsBehindSignIn(monitoring).map(() => {
    return { enabled: true, replicas: monitoring.signIn?.replicas, ...proxyNeeds };
  });
  const parts = [prometheus, alertmanager, grafana, kubeStateMetrics, loki, zipkin, collector.gateway, events];
  return [...parts.filter(isThere), ...proxies];
}

/** Those that it has one pod of on every node. */
export function nodePods({ nodeExporter, collector }: MonitoringPods): MonitoringPart[] {
  return [nodeExporter, collector.agent].filter(isThere);
}

function isThere({ enabled }: MonitoringPart): boolean {
  return enabled;
}
