import { grafanaDashboards } from "../../components/monitoring/dashboards.ts";
import { Grafana } from "../../components/monitoring/grafana.ts";
import { insideUrl } from "../../components/plan/monitoring/addresses.ts";
import { datasourceUids } from "../../components/plan/monitoring/dashboards.ts";
import { partTls } from "../../components/plan/monitoring/tls.ts";
import { partPriorityClass } from "../../components/plan/platform/priorities.ts";
import { stackUrls } from "../../components/plan/urls.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** Pages on all that is measured. */
export function makeDashboards({ config, provider, images }: StackContext, platform: Platform): void {
  const { monitoring } = config;
  const { grafana, signIn } = monitoring;
  if (!grafana.enabled) return;
  new Grafana(
    "grafana",
    {
      ...grafana,
      namespace: platform.withSecrets("monitoring"),
      image: images.thirdParty("grafana"),
      url: stackUrls(config)["grafana"],
      dashboards: grafanaDashboards(grafana.dashboards),
      tls: partTls("grafana", monitoring),
      datasources: Object.fromEntries(
        datasourceUids
          .filter((uid) => monitoring[uid].enabled)
          .map((uid) => [uid, insideUrl(uid, monitoring.tls !== undefined)]),
      ),
      scrapeIntervalSeconds: monitoring.prometheus.scrapeIntervalSeconds,
      signIn,
      storageClassName: platform.storageClassName,
      retainVolume: config.storage.retain,
      priorityClassName: partPriorityClass(config.platform),
    },
    { provider },
  );
}
