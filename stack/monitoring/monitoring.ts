import { alertRules } from "../components/monitoring/alert-rules.ts";
import { MetricsServer } from "../components/monitoring/metrics-server.ts";
import { Prometheus } from "../components/monitoring/prometheus.ts";
import { jobRules } from "../components/plan/jobs/job-rules.ts";
import { scrapedTypes } from "../components/plan/prometheus.ts";
import { backupRuns } from "../components/plan/platform/volume-backup.ts";
import type { StackContext } from "./context.ts";
import type { Platform } from "./platform.ts";

/** What watches the rest. */
export function makeMonitoring({ config, provider, images }: StackContext, platform: Platform): void {
  const { prometheus, metricsServer } = config.monitoring;
  if (prometheus.enabled) {
    new Prometheus(
      "prometheus",
      {
        ...prometheus,
        namespace: platform.nameOf("monitoring"),
        image: images.thirdParty("prometheus"),
        appsNamespace: platform.nameOf("apps"),
        appTypes: scrapedTypes(config.services),
        rules: {
          ...alertRules(),
          "configured-jobs": jobRules(config.namespaces.apps, config.jobs, backupRuns(config)),
        },
        storageClassName: platform.storageClassName,
        retainVolumes: config.storage.retain,
      },
      { provider },
    );
  }
  if (metricsServer.enabled)
    new MetricsServer("metrics-server", { ...metricsServer, image: images.thirdParty("metrics-server") }, { provider });
}
