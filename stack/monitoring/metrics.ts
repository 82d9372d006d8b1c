import * as pulumi from "@pulumi/pulumi";
import { alertRules } from "../../components/monitoring/alert-rules.ts";
import { KubeStateMetrics } from "../../components/monitoring/kube-state-metrics.ts";
import { MetricsServer } from "../../components/monitoring/metrics-server.ts";
import { NodeExporter } from "../../components/monitoring/node-exporter.ts";
import { Prometheus, type PrometheusArgs } from "../../components/monitoring/prometheus.ts";
import { jobRules } from "../../components/plan/jobs/job-rules.ts";
import { alertmanagerTargets, scrapeRules } from "../../components/plan/monitoring/prometheus.ts";
import { expectedJobs, scrapeJobs } from "../../components/plan/monitoring/scrape-jobs.ts";
import { serviceRules } from "../../components/plan/monitoring/service-rules.ts";
import { sizing, sizingText } from "../../components/plan/monitoring/sizing.ts";
import { priorityClassName, priorityClassOf } from "../../components/plan/platform/priorities.ts";
import { podHosts } from "../../components/plan/workload/spread.ts";
import { backupRuns } from "../../components/plan/platform/volume-backup.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** What measures the rest. */
export function makeMetrics(context: StackContext, platform: Platform): void {
  const { stack, config, provider, images } = context;
  const { prometheus, alertmanager, metricsServer } = config.monitoring;
  if (prometheus.enabled) {
    const jobs = scrapeJobs(config);
    const size = sizing(config);
    void pulumi.log.info(sizingText(size, prometheus));
    new Prometheus(
      "prometheus",
      {
        ...prometheus,
        namespace: platform.nameOf("monitoring"),
        image: images.thirdParty("prometheus"),
        jobs,
        places: placesOf(context, platform),
        externalLabels: { cluster: clusterOf(config), stack },
        alertmanagers: alertmanager.enabled
          ? alertmanagerTargets(alertmanager.replicas, config.namespaces.monitoring)
          : [],
        hosts: podHosts(config.controlPlane),
        priorityClassName: config.platform === "owned" ? priorityClassName("critical") : undefined,
        rules: {
          ...alertRules(prometheus.rules),
          "configured-jobs": jobRules(config.namespaces.apps, config.jobs, backupRuns(config)),
          "configured-services": serviceRules(config.namespaces.apps, config.services),
          "configured-scrapes": scrapeRules({
            expectedSeries: size.series,
            samplesPerTarget: prometheus.samplesPerTarget,
            replicas: prometheus.replicas,
            alertmanagers: alertmanager.enabled ? alertmanager.replicas : 0,
            expectedJobs: expectedJobs(jobs, config),
          }),
        },
        storageClassName: platform.storageClassName,
        retainVolumes: config.storage.retain,
      },
      { provider },
    );
  }
  if (metricsServer.enabled)
    new MetricsServer("metrics-server", { ...metricsServer, image: images.thirdParty("metrics-server") }, { provider });
  makeExporters(context, platform);
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
        priorityClassName: priorityClassOf("critical", config.platform),
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
      },
      { provider },
    );
  }
}
