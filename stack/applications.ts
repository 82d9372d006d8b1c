import type * as pulumi from "@pulumi/pulumi";
import { Jobs } from "../components/jobs/jobs.ts";
import { insideUrl } from "../components/plan/monitoring/addresses.ts";
import { authoritySecret } from "../components/plan/monitoring/tls.ts";
import { isMeshed } from "../components/plan/mesh/mesh-parts.ts";
import { isMember } from "../components/plan/mesh/traffic-settings.ts";
import { priorityClassName, priorityClassOf } from "../components/plan/platform/priorities.ts";
import { podHosts } from "../components/plan/workload/spread.ts";
import { volumeBackups } from "../components/plan/platform/volume-backup.ts";
import type { IngressController } from "../components/platform/ingress-controller.ts";
import { VolumeBackup } from "../components/platform/volume-backup.ts";
import { Ingresses } from "../components/workload/ingresses.ts";
import { type VersionArgs, Workload } from "../components/workload/workload.ts";
import type { StackContext } from "./context.ts";
import type { Platform } from "./platform.ts";

/**
 * Services, how the outside reaches them, jobs, and backups of their volumes.
 *
 * @returns the pods of each service, by its name
 */
export function makeApplications(
  context: StackContext,
  platform: Platform,
  controller: IngressController | undefined,
): ReadonlyMap<string, Workload> {
  const workloads = makeServices(context, platform);
  const { config, provider, images, stack } = context;
  const namespace = platform.nameOf("apps");
  makeIngress(context, namespace, controller);
  new Jobs(
    "jobs",
    {
      jobs: config.jobs,
      namespace,
      services: config.services,
      after: workloads,
      image: images.of,
      callImage: images.thirdParty("node"),
      priorityClassName: config.platform === "owned" ? priorityClassName("batch") : undefined,
    },
    { provider },
  );
  if (config.backup === undefined) return workloads;
  new VolumeBackup(
    "volume-backup",
    {
      ...config.backup,
      namespace,
      image: images.thirdParty("restic"),
      stack,
      backups: volumeBackups(config.services),
      storageClassName: platform.storageClassName,
    },
    { provider },
  );
  return workloads;
}

function makeServices({ config, provider, images }: StackContext, platform: Platform): Map<string, Workload> {
  const hosts = podHosts(config.controlPlane);
  const { collector, tls } = config.monitoring;
  const gateway = collector.gateway.enabled
    ? {
        tracesEndpoint: insideUrl("gateway", tls !== undefined, config.namespaces.monitoring),
        tracesAuthority: tls && authoritySecret,
      }
    : {};
  const workloads = Object.entries(config.services).map(([name, service]): [string, Workload] => {
    const generated = Object.keys(service.secrets.generated).length > 0;
    const workload = new Workload(
      name,
      {
        ...service,
        namespace: generated ? platform.withSecrets("apps") : platform.nameOf("apps"),
        image: images.of(service.image),
        versions: service.versions && versionsOf(service.versions, images),
        versionServices: service.route?.api === "gateway",
        besideProxy: isMeshed(config.mesh) && isMember(service),
        protocol: service.protocol ?? (isMeshed(config.mesh) ? "http" : undefined),
        priorityClassName: priorityClassOf(service.priority, config.platform),
        ...(service.traces && gateway),
        storageClassName: platform.storageClassName,
        retainVolumes: config.storage.retain,
        hosts,
      },
      { provider },
    );
    return [name, workload];
  });
  return new Map(workloads);
}

type Versions = NonNullable<StackContext["config"]["services"][string]["versions"]>;

function versionsOf(versions: Versions, images: StackContext["images"]): Record<string, VersionArgs> {
  return Object.fromEntries(
    Object.entries(versions).map(([name, { image, ...version }]) => [
      name,
      { ...version, ...(image !== undefined && { image: images.of(image) }) },
    ]),
  );
}

function makeIngress(
  { config, provider }: StackContext,
  namespace: pulumi.Output<string>,
  controller: IngressController | undefined,
): void {
  const { ingress, services } = config;
  // A gateway of the mesh takes the mesh's own routes, which say it with the rest of a service's.
  if (ingress.controller === "istio") return;
  if (Object.values(services).some((service) => service.ingress !== undefined))
    new Ingresses("ingress", { ...ingress, namespace, services, controller }, { provider });
}
