import type { Problem } from "../problems.ts";
import { planResources } from "./resources.ts";
import { scaleOf } from "./scaling.ts";
import { hostsOf, type PodHost, zonesHold } from "./spread.ts";
import { environmentProblems, type EnvironmentSettings, type GeneratedSecrets } from "./environment-checks.ts";
import { volumeProblems } from "./volume-checks.ts";
import { type WorkloadSettings, workloadNames } from "./workload.ts";

/** What of a service its own checks need. */
export interface CheckedWorkload extends WorkloadSettings, EnvironmentSettings {
  readonly port: number;
  readonly servicePort?: number | undefined;
  readonly expose?:
    | { readonly port: number; readonly address?: string | undefined; readonly loadBalancerClass?: string | undefined }
    | undefined;
  readonly headless?: boolean | undefined;
  readonly affinitySeconds?: number | undefined;
  readonly podManagement?: string | undefined;
  readonly progressSeconds?: number | undefined;
}

/** What services are checked against. */
export interface WorkloadSurroundings {
  /** Hosts that take pods; undefined: not known. */
  readonly hosts: readonly PodHost[] | undefined;
  /** The hosts are processes of this machine, with one balancer on its loopback address. */
  readonly local: boolean;
  /** Whether something measures what pods use; undefined: not known, the cluster is another's. */
  readonly metrics: boolean | undefined;
  /** quorum:storage.retain with its default. */
  readonly retain: boolean;
  /** quorum:security.generatedSecrets. */
  readonly generated: GeneratedSecrets;
}

/** Everything that is wrong with each service by itself, and with the names of what they are made of. */
export function workloadProblems(
  services: Readonly<Record<string, CheckedWorkload>>,
  surroundings: WorkloadSurroundings,
): Problem[] {
  return [
    ...Object.entries(services).flatMap(([name, service]) => {
      const key = `quorum:services.${name}`;
      return [
        ...scaleProblems(key, service, surroundings),
        ...serviceKindProblems(key, service, surroundings),
        ...spreadProblems(key, service, surroundings.hosts),
        ...resourceProblems(key, service),
        ...volumeProblems(name, service, surroundings),
        ...environmentProblems(key, service, surroundings.generated),
      ];
    }),
    ...nameProblems(services, surroundings.generated),
  ];
}

function scaleProblems(key: string, service: CheckedWorkload, { metrics }: WorkloadSurroundings): Problem[] {
  const { kind = "Deployment", replicas, autoscale } = service;
  const problems: Problem[] = [];
  if (kind === "DaemonSet" && replicas !== undefined) {
    problems.push({
      key: `${key}.replicas`,
      text: `is ${replicas}, but a DaemonSet has one pod on each node; leave it out`,
    });
  }
  if (kind === "DaemonSet" && autoscale !== undefined) {
    problems.push({ key: `${key}.autoscale`, text: "is set, but a DaemonSet has one pod on each node; leave it out" });
  }
  if (kind !== "StatefulSet" && service.podManagement !== undefined) {
    problems.push({
      key: `${key}.podManagement`,
      text: `is "${service.podManagement}", but only the pods of a StatefulSet have an order; leave it out or set kind: StatefulSet`,
    });
  }
  if (kind !== "Deployment" && service.progressSeconds !== undefined) {
    problems.push({
      key: `${key}.progressSeconds`,
      text: `is ${service.progressSeconds}, but Kubernetes keeps no such time for a ${kind}; leave it out, and give up with --timeout`,
    });
  }
  if (autoscale === undefined) return problems;
  if (kind !== "DaemonSet" && replicas !== undefined) {
    problems.push({
      key: `${key}.replicas`,
      text: `is ${replicas}, but autoscale decides how many there are; leave it out, and set autoscale.minReplicas`,
    });
  }
  const { minReplicas = 2, maxReplicas } = autoscale;
  if (minReplicas > maxReplicas) {
    problems.push({
      key: `${key}.autoscale.minReplicas`,
      text: `is ${minReplicas}, but maxReplicas is ${maxReplicas}; set it to ${maxReplicas} or less, or raise maxReplicas`,
    });
  }
  if (metrics === false) {
    problems.push({
      key: `${key}.autoscale`,
      text: "is set, but nothing measures what pods use, as quorum:monitoring.metricsServer.enabled is false; set it to true or leave out autoscale",
    });
  }
  return problems;
}

function serviceKindProblems(key: string, service: CheckedWorkload, { local }: WorkloadSurroundings): Problem[] {
  const { expose, headless, affinitySeconds, servicePort, port } = service;
  const problems: Problem[] = [];
  if (headless) {
    const without = "a headless service has no address of its own";
    if (expose !== undefined) {
      problems.push({
        key: `${key}.headless`,
        text: `is true, but expose needs an address and ${without}; leave out one of them`,
      });
    }
    if (affinitySeconds !== undefined) {
      problems.push({
        key: `${key}.affinitySeconds`,
        text: `is ${affinitySeconds}, but ${without} that could keep a client with one pod; leave out one of them`,
      });
    }
    if (expose === undefined && servicePort !== undefined && servicePort !== port) {
      problems.push({
        key: `${key}.servicePort`,
        text: `is ${servicePort}, but ${without}: its name leads to the pods, and their port is ${port}; leave it out`,
      });
    }
  }
  for (const field of ["loadBalancerClass", "address"] as const) {
    const value = expose?.[field];
    if (local && value !== undefined) {
      problems.push({
        key: `${key}.expose.${field}`,
        text: `is "${value}", but local hosts have one balancer, on this machine's own address; leave it out`,
      });
    }
  }
  return problems;
}

function spreadProblems(key: string, service: CheckedWorkload, all: readonly PodHost[] | undefined): Problem[] {
  const { placement = {} } = service;
  const at = `${key}.placement`;
  const scale = scaleOf(service);
  if (scale === undefined) {
    return (["spreadHosts", "spreadZones"] as const)
      .filter((field) => placement[field] !== undefined)
      .map((field) => ({
        key: `${at}.${field}`,
        text: `is "${placement[field] ?? ""}", but a DaemonSet has one pod on each node; leave it out`,
      }));
  }
  const hosts = hostsOf(placement, all);
  if (hosts === undefined) return [];
  const apart = placement.spreadHosts === "hard";
  const problems: Problem[] = [];
  if (apart && scale.most > hosts.length) {
    problems.push({
      key: `${at}.spreadHosts`,
      text: `is "hard", but ${scale.most} pods cannot lie on different hosts, as ${hosts.length} take pods; set it to soft or lower the number of pods`,
    });
  }
  if (placement.spreadZones === "hard" && !zonesHold(scale.most, hosts, apart && scale.most <= hosts.length)) {
    const why = hosts.some(({ zone }) => zone === undefined)
      ? "not every host that takes pods has a zone"
      : new Set(hosts.map(({ zone }) => zone)).size < 2
        ? "all hosts that take pods are in one zone"
        : `the zones have no room for an even share of ${scale.most} pods on different hosts`;
    problems.push({
      key: `${at}.spreadZones`,
      text: `is "hard", but ${why}; set it to soft or change quorum:controlPlane.hosts`,
    });
  }
  return problems;
}

function resourceProblems(key: string, { resources = {} }: CheckedWorkload): Problem[] {
  const { cpuMillis, cpuLimitMillis } = planResources(resources);
  if (cpuLimitMillis >= cpuMillis) return [];
  return [
    {
      key: `${key}.resources.cpuLimitMillis`,
      text: `is ${cpuLimitMillis}, but ${cpuMillis} are set aside by cpuMillis; set it to that or more, or leave it out`,
    },
  ];
}

/** Objects of one kind with one name would be one object: what is made of a service's name may be another's name. */
function nameProblems(services: Readonly<Record<string, CheckedWorkload>>, generated: GeneratedSecrets): Problem[] {
  const owners = new Map<string, string>(
    Object.entries(generated)
      .filter(([, { namespace }]) => namespace === "apps")
      .map(([secret]) => [`Secret ${secret}`, `quorum:security.generatedSecrets.${secret}`]),
  );
  for (const name of Object.keys(services)) owners.set(`Service ${name}`, `quorum:services.${name}`);
  return Object.entries(services).flatMap(([name, service]) => {
    const key = `quorum:services.${name}`;
    return derivedObjects(name, service).flatMap((object): Problem[] => {
      const owner = owners.get(object);
      owners.set(object, owner ?? key);
      if (owner === undefined) return [];
      return [
        {
          key,
          text: `is a name that is not allowed: its ${object} is that of ${owner} too; give one of them another name`,
        },
      ];
    });
  });
}

function derivedObjects(name: string, { kind, headless, secrets, volumes = {} }: CheckedWorkload): string[] {
  const names = workloadNames(name);
  const has = (texts: Readonly<Record<string, unknown>> | undefined) => Object.keys(texts ?? {}).length > 0;
  return [
    ...(kind === "StatefulSet" && !headless ? [`Service ${names.peers}`] : []),
    ...(has(secrets?.env) ? [`Secret ${names.secretEnv}`] : []),
    ...(has(secrets?.files) ? [`Secret ${names.secretFiles}`] : []),
    ...(kind === "StatefulSet"
      ? []
      : Object.keys(volumes).map((volume) => `PersistentVolumeClaim ${names.claim(volume)}`)),
  ];
}
