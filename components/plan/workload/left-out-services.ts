import { type Call, calleeOf } from "../connections/calls.ts";
import type { Skipped } from "../features.ts";
import { type ImageNeeds, imagesOfService, serviceImage, type ServiceImages } from "../images/images.ts";

/** What of a service decides whether a site can run it. */
interface ServiceNeeds extends ServiceImages {
  readonly volumes?: Readonly<Record<string, { readonly className?: string | undefined }>> | undefined;
}

interface Caller {
  readonly calls?: readonly Call[] | undefined;
  readonly call?: string | undefined;
}

export interface SiteLimits {
  /** Third-party images that the site cannot provide. */
  readonly unavailable: readonly string[];
  /** Whether volumes that name no class of their own can be made. */
  readonly volumes: boolean;
}

/** The services that a site cannot run, by their names, each with the reason. */
export function servicesLeftOut(
  services: Readonly<Record<string, ServiceNeeds>>,
  images: ImageNeeds["images"],
  { unavailable, volumes }: SiteLimits,
): ReadonlyMap<string, Skipped> {
  const reasons = Object.entries(services).flatMap(([name, service]): [string, Skipped][] => {
    const needed = imagesOfService(service).flatMap((image) => serviceImage(image, images) ?? []);
    const lacks = needed.find((image) => unavailable.includes(image));
    const volume = Object.values(service.volumes ?? {}).some(({ className }) => className === undefined);
    if (lacks !== undefined) {
      return [[name, { name: `service ${name}`, reason: `image ${lacks} is unavailable here` }]];
    }
    if (!volumes && volume) {
      const reason = "its volumes need local-path-provisioner, which is left out";
      return [[name, { name: `service ${name}`, reason }]];
    }
    return [];
  });
  return new Map(reasons);
}

/** Services or jobs without those that are left out, which the others then do not call. */
export function withoutServices<Value extends object>(
  all: Readonly<Record<string, Value>>,
  leftOut: ReadonlyMap<string, unknown>,
): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(all)
      .filter(([name]) => !leftOut.has(name))
      .map(([name, value]): [string, Value] => {
        const { calls } = value as Caller;
        return [
          name,
          calls === undefined ? value : { ...value, calls: calls.filter((call) => !leftOut.has(calleeOf(call))) },
        ];
      }),
  );
}

/** The jobs that only call a service that is left out. */
export function jobsLeftOut(
  jobs: Readonly<Record<string, Caller>>,
  services: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, Skipped> {
  return new Map(
    Object.entries(jobs).flatMap(([name, { call }]): [string, Skipped][] => {
      const callee = call?.split("/")[0] ?? "";
      if (!services.has(callee)) return [];
      return [[name, { name: `job ${name}`, reason: `service ${callee} is left out` }]];
    }),
  );
}
