import * as pulumi from "@pulumi/pulumi";
import { alertRules } from "../../components/monitoring/alert-rules.ts";
import { KubeStateMetrics } from "../../components/monitoring/kube-state-metrics.ts";
import { MetricsServer } from "../../components/monitoring/metrics-server.ts";
import { NodeExporter } from "../../components/monitoring/node-exporter.ts";
import { Prometheus, type PrometheusArgs } from "../../components/monitoring/prometheus.ts";
import { careRules } from "../../components/plan/control-plane/care.ts";
import { withLayout } from "../../components/plan/control-plane/targets.ts";
import { jobRules } from "../../components/plan/jobs/job-rules.ts";
import { podInjectionLabels } from "../../components/plan/mesh/mesh-parts.ts";
import { alertmanagerTargets, scrapeRules } from "../../components/plan/monitoring/prometheus.ts";
import type { ScrapeJob } from "../../components/plan/monitoring/scrape-job.ts";
import { expectedJobs, scrapeJobs } from "../../components/plan/monitoring/scrape-jobs.ts";
import { partTls } from "../../components/plan/monitoring/tls.ts";
import { serviceRules } from "../../components/plan/monitoring/service-rules.ts";
import { sizing, sizingText } from "../../components/plan/monitoring/sizing.ts";
import { partPriorityClass } from "../../components/plan/platform/priorities.ts";
import { stackUrls } from "../../components/plan/urls.ts";
import { podHosts } from "../../components/plan/workload/spread.ts";
import { backupRuns } from "../../components/plan/platform/volume-backup.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** What measures the rest. */
export function makeMetrics(context: StackContext, platform: Platform): void {
  const { config, provider, images } = context;
  const { prometheus, metricsServer } = config.monitoring;
  if (prometheus.enabled) makePrometheus(context, platform);
  if (metricsServer.enabled)
    new MetricsServer("metrics-server", { ...metricsServer, image: images.thirdParty("metrics-server") }, { provider });
  makeExporters(context, platform);
}

function makePrometheus(context: StackContext, platform: Platform): void {
  const { stack, config, provider, images } = context;
  const { prometheus, alertmanager } = config.monitoring;
  const jobs = scrapeJobs(withLayout(config));
  void pulumi.log.info(sizingText(sizing(config), prometheus));
  new Prometheus(
    "prometheus",
    {
      ...prometheus,
      namespace: platform.inMesh("monitoring"),
      proxyLabels: podInjectionLabels(config.mesh),
      image: images.thirdParty("prometheus"),
      jobs,
      tls: partTls("prometheus", config.monitoring),
      places: placesOf(context, platform),
      externalLabels: { cluster: clusterOf(config), stack },
      alertmanagers: alertmanager.enabled
        ? alertmanagerTargets(alertmanager.replicas, config.namespaces.monitoring)
        : [],
      hosts: podHosts(config.controlPlane),
      externalUrl: stackUrls(config)["prometheus"],
      priorityClassName: partPriorityClass(config.platform),
      rules: rulesOf(config, jobs),
      storageClassName: platform.storageClassName,
      retainVolumes: config.storage.retain,
    },
    { provider },
  );
}

/** The rule files: those of data/rules, the user's, and those that hold what the configuration says. */
function rulesOf(config: StackContext["config"], jobs: readonly ScrapeJob[]): Readonly<Record<string, string>> {
  const { prometheus, alertmanager } = config.monitoring;
  return {
    ...alertRules(prometheus.rules),
    "configured-jobs": jobRules(config.namespaces.apps, config.jobs, backupRuns(config)),
    "configured-care": careRules(config.controlPlane),
    "configured-services": serviceRules(config.namespaces.apps, config.services),
    "configured-scrapes": scrapeRules({
      expectedSeries: sizing(config).series,
      samplesPerTarget: prometheus.samplesPerTarget,
      replicas: prometheus.replicas,
      alertmanagers: alertmanager.enabled ? alertmanager.replicas : 0,
      expectedJobs: expectedJobs(jobs, config),
      balancerAddress: balancerAddress(config),
    }),
  };
}

/** Of a balancer on the hosts; nobody tells where it is without node-exporter. */
function balancerAddress({ controlPlane, monitoring }: StackContext["config"]): string | undefined {
  if (controlPlane.mode === "existing" || !monitoring.nodeExporter.enabled) return undefined;
  const { balancer } = controlPlane;
  return balancer === undefined || balancer.kind === "given" ? undefined : balancer.address;
}

/** The stack's namespaces that are there, by purpose. */
function placesOf({ config, connections }: StackContext, platform: Platform): NonNullable<PrometheusArgs["places"]> {
  return Object.fromEntries(
    connections.places.map((place) => [place, { name: config.namespaces[place], namespace: platform.nameOf(place) }]),
  );
}

/** By what people know the cluster. */
function clusterOf({ controlPlane }: StackContext["config"]): string {
  return controlPlane.mode === "kubeadm" ? controlPlane.clusterName : controlPlane.context;
}

/** What tells of nodes and of the cluster's objects. */
function makeExporters({ config, provider, images }: StackContext, platform: Platform): void {
  const { kubeStateMetrics, nodeExporter } = config.monitoring;
  if (kubeStateMetrics.enabled) {
    new KubeStateMetrics(
      "kube-state-metrics",
      {
        ...kubeStateMetrics,
        namespace: platform.nameOf("monitoring"),
        image: images.thirdParty("kube-state-metrics"),
        tls: partTls("kubeStateMetrics", config.monitoring),
        priorityClassName: partPriorityClass(config.platform),
      },
      { provider },
    );
  }
  if (nodeExporter.enabled) {
    new NodeExporter(
      "node-exporter",
      {
        ...nodeExporter,
        namespace: platform.nameOf("agents"),
        image: images.thirdParty("node-exporter"),
        tls: partTls("nodeExporter", config.monitoring),
      },
      { provider },
    );
  }
}
