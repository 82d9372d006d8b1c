import { TraceGateway } from "../../components/monitoring/trace-gateway.ts";
import { Zipkin } from "../../components/monitoring/zipkin.ts";
import { partTls } from "../../components/plan/monitoring/tls.ts";
import { partPriorityClass } from "../../components/plan/platform/priorities.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** Traces of the applications, and the way that they and logs come in. */
export function makeTraces({ config, provider, images }: StackContext, platform: Platform): void {
  const { zipkin, loki, collector } = config.monitoring;
  const common = {
    namespace: platform.nameOf("monitoring"),
    priorityClassName: partPriorityClass(config.platform),
  };
  if (zipkin.enabled) new Zipkin("zipkin", { ...zipkin, ...common, image: images.thirdParty("zipkin") }, { provider });
  if (collector.gateway.enabled) {
    new TraceGateway(
      "otel-gateway",
      {
        ...collector.gateway,
        ...common,
        zipkin: zipkin.enabled,
        loki: loki.enabled,
        samplePercent: collector.samplePercent,
        redact: collector.redact,
        tls: partTls("gateway", config.monitoring),
        image: images.thirdParty("opentelemetry-collector-gateway"),
      },
      { provider },
    );
  }
}
