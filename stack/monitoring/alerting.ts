import * as pulumi from "@pulumi/pulumi";
import { Alertmanager, type ReceiverArgs } from "../../components/monitoring/alertmanager.ts";
import { callUrl } from "../../components/plan/jobs/jobs.ts";
import { alertmanagerWarnings } from "../../components/plan/monitoring/alertmanager-checks.ts";
import { availabilityWarnings } from "../../components/plan/monitoring/availability.ts";
import { partTls } from "../../components/plan/monitoring/tls.ts";
import { partPriorityClass } from "../../components/plan/platform/priorities.ts";
import { stackUrls } from "../../components/plan/urls.ts";
import type { StackConfig } from "../../config.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** Who is told of alerts. */
export function makeAlerting({ config, provider, images }: StackContext, platform: Platform): void {
  const { alertmanager } = config.monitoring;
  const kind = stackKind(config);
  const warnings = [...alertmanagerWarnings(config.monitoring, kind), ...availabilityWarnings(config.monitoring, kind)];
  for (const warning of warnings) void pulumi.log.warn(warning);
  if (!alertmanager.enabled) return;
  const { deadMansSwitch } = alertmanager;
  new Alertmanager(
    "alertmanager",
    {
      ...alertmanager,
      namespace: platform.nameOf("monitoring"),
      image: images.thirdParty("alertmanager"),
      tls: partTls("alertmanager", config.monitoring),
      receivers: receiverArgs(config),
      deadMansSwitch: deadMansSwitch && { ...deadMansSwitch, url: addressOf(deadMansSwitch, config) },
      externalUrl: stackUrls(config)["alertmanager"],
      storageClassName: platform.storageClassName,
      retainVolumes: config.storage.retain,
      priorityClassName: partPriorityClass(config.platform),
    },
    { provider },
  );
}

function stackKind({ platform, controlPlane }: StackConfig) {
  return { platform, local: controlPlane.mode === "kubeadm" && controlPlane.local };
}

function receiverArgs(config: StackConfig): Record<string, ReceiverArgs> {
  return Object.fromEntries(
    Object.entries(config.monitoring.alertmanager.receivers).map(([name, { webhook, ...receiver }]) => [
      name,
      { ...receiver, webhook: webhook && { url: addressOf(webhook, config), bearerToken: webhook.bearerToken } },
    ]),
  );
}

/** Alertmanager is in another namespace than the services that it calls. */
function addressOf(
  { url, call }: { readonly url?: pulumi.Output<string> | undefined; readonly call?: string | undefined },
  { services, namespaces }: StackConfig,
): pulumi.Input<string> {
  if (call !== undefined) return callUrl(call, services, namespaces.apps);
  if (url === undefined) throw new Error("a webhook has neither url nor call; give it one");
  return url;
}
