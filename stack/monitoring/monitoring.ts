import type { IngressController } from "../../components/platform/ingress-controller.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";
import { makeAlerting } from "./alerting.ts";
import { makeCertificates } from "./certificates.ts";
import { makeDashboards } from "./dashboards.ts";
import { makeIngresses } from "./ingresses.ts";
import { makeLogs } from "./logs.ts";
import { makeMetrics } from "./metrics.ts";
import { makeTraces } from "./traces.ts";

/** What watches the rest. */
export function makeMonitoring(
  context: StackContext,
  platform: Platform,
  controller: IngressController | undefined,
): void {
  makeCertificates(context, platform);
  makeMetrics(context, platform);
  makeAlerting(context, platform);
  makeLogs(context, platform);
  makeTraces(context, platform);
  makeDashboards(context, platform);
  makeIngresses(context, platform, controller);
}
