import { balancerImages, type BalancerSettings } from "../control-plane/balancer.ts";
import { type CareControlPlane, careImages } from "../control-plane/care.ts";
import { type MonitoringImages, monitoringImages } from "../monitoring/images.ts";

/** A third-party image as `data/images.yaml` names it. */
export interface CatalogImage {
  /** Full upstream reference without a tag, such as `docker.io/prom/prometheus`. */
  readonly image: string;
  readonly tag: string;
  /** Folder of the local build that makes this image where no registry can be reached. */
  readonly recipe?: string | undefined;
  /** Upstream digest, `sha256:` and 64 hex digits. */
  readonly digest?: string | undefined;
}

export type ImageCatalog = Readonly<Record<string, CatalogImage>>;

/** What of a job decides which image it needs. */
export interface JobImages {
  readonly call?: string | undefined;
  readonly image?: string | undefined;
}

/** What of a configuration decides which third-party images it needs. */
export interface ImageNeeds {
  readonly images: {
    readonly builds: Readonly<Record<string, { readonly digest?: string | undefined }>>;
    readonly catalog?: ImageCatalog | undefined;
  };
  readonly jobs?: Readonly<Record<string, JobImages>> | undefined;
  readonly storage: { readonly provisioner: "local-path" | "existing" };
  readonly monitoring: MonitoringImages;
  readonly security: { readonly generatedSecrets: Readonly<Record<string, unknown>> };
  readonly backup?: object | undefined;
  readonly registry?: { readonly kind: "distribution" | "harbor" } | undefined;
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing" };
  readonly services?: Readonly<Record<string, ServiceImages & { readonly ingress?: object | undefined }>> | undefined;
  readonly ui: { readonly headlamp: { readonly enabled: boolean } };
  readonly mesh?:
    { readonly mode: "install" | "existing" | "off"; readonly kiali: { readonly enabled: boolean } } | undefined;
  readonly controlPlane: CareControlPlane &
    ({ readonly mode: "existing" } | { readonly mode: "kubeadm"; readonly balancer?: BalancerSettings | undefined });
}

/** What says which images the pods of a service run. */
export interface ServiceImages {
  readonly image?: string | undefined;
  readonly versions?: Readonly<Record<string, { readonly image?: string | undefined }>> | undefined;
}

/** Images that kubeadm and the kubelet pull, as `kubeadm config images list` prints them. */
export const controlPlaneImages = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "etcd",
  "coredns",
  "pause",
] as const;

/** Istio's own: istiod, the proxies, and the agents on the nodes. */
export const istioImages = ["istiod", "istio-proxy", "istio-cni"] as const;

/** Images of Harbor's chart, as its values name them. */
export const harborImages = [
  "harbor-nginx",
  "harbor-portal",
  "harbor-core",
  "harbor-jobservice",
  "harbor-registry",
  "harbor-registryctl",
  "harbor-database",
  "harbor-redis",
  "harbor-exporter",
] as const;

/**
 * The reference to pull a third-party image by.
 *
 * A mirror replaces the registry host and keeps the path. The upstream digest is left out then, because a mirror may hold
 * a local build of the same version, whose digest differs.
 *
 * @throws Error when the catalogue has no such image
 */
export function imageReference(catalog: ImageCatalog, name: string, mirror?: string): string {
  const entry = catalog[name];
  if (entry === undefined) throw new Error(`image "${name}" is not in data/images.yaml; add it there`);
  if (mirror !== undefined) return `${mirrorRepository(entry.image, mirror)}:${entry.tag}`;
  return `${entry.image}:${entry.tag}${entry.digest === undefined ? "" : `@${entry.digest}`}`;
}

/** An image's repository on a mirror: `docker.io/library/node` on `localhost:5000` is `localhost:5000/library/node`. */
export function mirrorRepository(repository: string, mirror: string): string {
  return `${mirror}/${repository.slice(repository.indexOf("/") + 1)}`;
}

/**
 * The digest in a reference that a push gave, such as localhost:5000/app@sha256:….
 *
 * @throws Error when there is none: an image that was built but not pushed has only an id
 */
export function digestOf(reference: string): string {
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1];
  if (digest !== undefined) return digest;
  throw new Error(
    `the build gave "${reference}", but a reference by digest is needed; check that the registry took the push`,
  );
}

/** The third-party images that a configuration needs, by their names in the catalogue. */
export function requiredImages(config: ImageNeeds): string[] {
  const { images, storage, monitoring, controlPlane, security, backup, registry, ingress, ui } = config;
  const builds = Object.values(images.builds).some((build) => build.digest === undefined);
  const needed = [
    ...(controlPlane.mode === "kubeadm" ? [...controlPlaneImages, ...balancerImages(controlPlane.balancer)] : []),
    ...careImages(controlPlane),
    ...(builds || Object.keys(security.generatedSecrets).length > 0 ? ["node"] : []),
    ...(storage.provisioner === "local-path" ? ["local-path-provisioner", "busybox"] : []),
    ...monitoringImages(monitoring),
    ...(backup === undefined ? [] : ["restic"]),
    ...(registry?.kind === "distribution" ? ["registry", "node"] : []),
    ...(registry?.kind === "harbor" ? harborImages : []),
    ...(ingress.controller === "traefik" ? ["traefik"] : []),
    ...(ui.headlamp.enabled ? ["headlamp"] : []),
    ...(config.mesh?.mode === "install" ? istioImages : []),
    ...(config.mesh?.mode === "install" && config.mesh.kiali.enabled ? ["kiali"] : []),
    ...Object.values(config.jobs ?? {}).flatMap((job) => jobImage(job, images) ?? []),
    ...Object.values(config.services ?? {})
      .flatMap(imagesOfService)
      .flatMap((image) => serviceImage(image, images) ?? []),
  ];
  return [...new Set(needed)];
}

/** Images that a service's pods run, by the names that the user gives them: one, or one for each version. */
export function imagesOfService({ image, versions }: ServiceImages): string[] {
  const images = versions === undefined ? [image] : Object.values(versions).map((version) => version.image ?? image);
  return [...new Set(images.filter((one) => one !== undefined))];
}

/** The third-party image that a service runs; undefined for one that is built here or named in full. */
export function serviceImage(
  image: string | undefined,
  { builds, catalog = {} }: ImageNeeds["images"],
): string | undefined {
  return image !== undefined && builds[image] === undefined && catalog[image] !== undefined ? image : undefined;
}

/** The third-party image that a job runs; undefined for one that is built here or named in full. */
export function jobImage({ call, image }: JobImages, images: ImageNeeds["images"]): string | undefined {
  return call === undefined ? serviceImage(image, images) : "node";
}
