import { imageNameProblem, type ImageSources } from "../images/image-names.ts";
import type { Problem } from "../problems.ts";

/** Where a Service is reached from outside the cluster. */
export interface Exposure {
  readonly port: number;
  readonly hostname?: string | undefined;
  /** Address that the balancer is asked for. */
  readonly address?: string | undefined;
}

/** What of a service its checks against the rest need. */
export interface ServiceSettings {
  readonly image: string;
  readonly versions?: Readonly<Record<string, { readonly image?: string | undefined }>> | undefined;
  readonly servicePort?: number | undefined;
  readonly expose?: Exposure | undefined;
}

/** What a service is checked against. */
export interface ServiceSurroundings {
  readonly images: ImageSources;
  /** Exposures that are not services of the user, by their key. */
  readonly others: Readonly<Record<string, Exposure>>;
  /** All exposures share one address, as on a local cluster. */
  readonly oneAddress: boolean;
}

/** Everything that is wrong with services taken together. Their shapes are taken as checked. */
export function serviceProblems(
  services: Readonly<Record<string, ServiceSettings>>,
  surroundings: ServiceSurroundings,
): Problem[] {
  const problems: Problem[] = [];
  for (const [name, service] of Object.entries(services)) {
    const key = `quorum:services.${name}`;
    for (const [at, image] of imagesByKey(key, service))
      problems.push(...[imageNameProblem(at, image, surroundings.images) ?? []].flat());
    if (service.expose && service.servicePort !== undefined && service.servicePort !== service.expose.port) {
      problems.push({
        key: `${key}.servicePort`,
        text: `is ${service.servicePort}, but an exposed service has the port of expose, ${service.expose.port}; leave out servicePort`,
      });
    }
  }
  return [...problems, ...exposureProblems(services, surroundings)];
}

function imagesByKey(key: string, { image, versions = {} }: ServiceSettings): [string, string][] {
  return [
    [`${key}.image`, image],
    ...Object.entries(versions).flatMap(([version, own]): [string, string][] =>
      own.image === undefined ? [] : [[`${key}.versions.${version}.image`, own.image]],
    ),
  ];
}

function exposureProblems(
  services: Readonly<Record<string, ServiceSettings>>,
  { others, oneAddress }: ServiceSurroundings,
): Problem[] {
  const taken = new Map<string, string>(
    Object.entries(others).map(([key, exposure]) => [placeOf(exposure, oneAddress), key]),
  );
  const problems: Problem[] = [];
  for (const [name, { expose }] of Object.entries(services)) {
    if (expose === undefined) continue;
    const key = `quorum:services.${name}.expose`;
    const place = placeOf(expose, oneAddress);
    const other = taken.get(place);
    if (other !== undefined) {
      problems.push({
        key: `${key}.port`,
        text: `is ${expose.port}, but ${other} has that port already; set another${oneAddress ? "" : ", or a hostname of its own for each"}`,
      });
    }
    taken.set(place, other ?? key);
  }
  return problems;
}

function placeOf(exposure: Exposure, oneAddress: boolean): string {
  return `${oneAddress ? "" : (exposure.address ?? exposure.hostname ?? "")}:${exposure.port}`;
}
