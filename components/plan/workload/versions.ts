import type { ResourceSettings } from "./resources.ts";
import type { AutoscaleSettings } from "./scaling.ts";

/** What of a service is another in one of its versions; undefined: as in the service. */
export interface VersionSettings {
  /** Share of the requests in percent. */
  readonly weight?: number | undefined;
  readonly replicas?: number | undefined;
  readonly autoscale?: AutoscaleSettings | undefined;
  readonly resources?: ResourceSettings | undefined;
}

interface Versioned {
  readonly replicas?: number | undefined;
  readonly autoscale?: AutoscaleSettings | undefined;
  readonly resources?: ResourceSettings | undefined;
  readonly versions?: Readonly<Record<string, VersionSettings>> | undefined;
}

/** Pods of one make: a service's, or those of one of its versions. */
export interface VersionedWorkload<Service> {
  /** Undefined for a service without versions. */
  readonly version: string | undefined;
  /** The service as it is in this version. */
  readonly settings: Service;
}

/** A version as a part of names: they have no dots. */
export function slugOf(version: string): string {
  return version.replaceAll(".", "-");
}

/** Name of the workload, the autoscaler and the budget of a version, and of its own Service where it has one. */
export function versionedName(service: string, version: string | undefined): string {
  return version === undefined ? service : `${service}-${slugOf(version)}`;
}

/** Labels that choose the pods of a service, or of one version of it. */
export function podSelector(service: string, version: string | undefined): Record<string, string> {
  return { app: service, ...(version !== undefined && { version }) };
}

/** What a service is made of: one workload, or one for each version with what it says come over what the service says. */
export function workloadsOf<Service extends Versioned>(service: Service): VersionedWorkload<Service>[] {
  if (service.versions === undefined) return [{ version: undefined, settings: service }];
  return Object.entries(service.versions).map(([version, own]) => ({
    version,
    settings: { ...service, ...over(service, own) },
  }));
}

/** A number of pods and an autoscaler rule each other out: the version's own word is the one that counts. */
function over(service: Versioned, { replicas, autoscale, resources = {} }: VersionSettings): Versioned {
  const given = Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined));
  return {
    ...(Object.keys(given).length > 0 && { resources: { ...service.resources, ...given } }),
    ...(replicas !== undefined && { replicas, autoscale: undefined }),
    ...(autoscale !== undefined && { autoscale, replicas: undefined }),
  };
}
