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

/** What of the monitoring decides how much its pods need. */
export interface MonitoringPods {
  readonly prometheus: MonitoringPart;
  readonly alertmanager: MonitoringPart;
  readonly grafana: MonitoringPart;
  readonly kubeStateMetrics: MonitoringPart;
  readonly nodeExporter: MonitoringPart;
  readonly loki: MonitoringPart;
  readonly zipkin: MonitoringPart;
  readonly collector: { readonly agent: MonitoringPart; readonly gateway: MonitoringPart };
}

/** The parts that the monitoring has in its own namespace. */
export function ownPods(monitoring: MonitoringPods): MonitoringPart[] {
  const { prometheus, alertmanager, grafana, kubeStateMetrics, loki, zipkin, collector } = monitoring;
  return [prometheus, alertmanager, grafana, kubeStateMetrics, loki, zipkin, collector.gateway].filter(isThere);
}

/** Those that it has one pod of on every node. */
export function nodePods({ nodeExporter, collector }: MonitoringPods): MonitoringPart[] {
  return [nodeExporter, collector.agent].filter(isThere);
}

function isThere({ enabled }: MonitoringPart): boolean {
  return enabled;
}
