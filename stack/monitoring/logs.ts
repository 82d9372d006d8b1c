import * as pulumi from "@pulumi/pulumi";
import { EventCollector } from "../../components/monitoring/event-collector.ts";
import { LogAgent } from "../../components/monitoring/log-agent.ts";
import { Loki } from "../../components/monitoring/loki.ts";
import { logSizing, logSizingText } from "../../components/plan/monitoring/log-sizing.ts";
import { partTls } from "../../components/plan/monitoring/tls.ts";
import { partPriorityClass } from "../../components/plan/platform/priorities.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** Logs of pods and nodes, and events of the cluster. */
export function makeLogs({ config, provider, images }: StackContext, platform: Platform): void {
  const { loki, collector } = config.monitoring;
  const namespace = platform.nameOf("monitoring");
  const priorityClassName = partPriorityClass(config.platform);
  if (loki.enabled) {
    void pulumi.log.info(logSizingText(logSizing(config), loki));
    new Loki(
      "loki",
      {
        ...loki,
        namespace,
        image: images.thirdParty("loki"),
        tls: partTls("loki", config.monitoring),
        storageClassName: platform.storageClassName,
        retainVolume: config.storage.retain,
        priorityClassName,
      },
      { provider },
    );
  }
  if (!collector.agent.enabled) return;
  const args = {
    ...collector.agent,
    image: images.thirdParty("opentelemetry-collector-agent"),
    lokiNamespace: config.namespaces.monitoring,
    redact: collector.redact,
    priorityClassName,
  };
  const tls = (name: "logAgent" | "eventCollector") => ({ tls: partTls(name, config.monitoring) });
  const agents = platform.nameOf("agents");
  new LogAgent("otel-agent", { ...args, ...tls("logAgent"), namespace: agents }, { provider });
  new EventCollector("otel-events", { ...args, ...tls("eventCollector"), namespace }, { provider });
}
