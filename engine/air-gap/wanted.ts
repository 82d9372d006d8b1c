import { balancerImages } from "../../components/plan/control-plane/balancer.ts";
import { controlPlaneImages, imageReference, imagesOfService } from "../../components/plan/images/images.ts";
import { beginsWithHost, repositoryOf } from "../../components/plan/images/trusted-images.ts";
import type { Config } from "../../config/parse.ts";
import type { WantedImage } from "./images.ts";
import { type BundledReference, siteRegistry } from "./references.ts";

/** A registry's host and the path within it. */
function place(repository: string): { host: string; path: string } {
  const slash = repository.indexOf("/");
  return slash < 0
    ? { host: repository, path: "" }
    : { host: repository.slice(0, slash), path: repository.slice(slash + 1) };
}

const joined = (...parts: readonly string[]) => parts.filter((part) => part !== "").join("/");

/** Images of the hosts themselves: kubeadm and the kubelet pull them, no manifest names them. */
function hostImages({ controlPlane, images }: Config): BundledReference[] {
  if (controlPlane.mode !== "kubeadm") return [];
  return [...controlPlaneImages, ...balancerImages(controlPlane.balancer)].map((name) => {
    const reference = imageReference(images.catalog, name, siteRegistry);
    const [named = "", digest] = reference.split("@");
    const repository = repositoryOf(named).slice(siteRegistry.length + 1);
    return { named, repository, tag: named.slice(siteRegistry.length + repository.length + 2), digest };
  });
}

/**
 * Where each image of the manifests, and of the hosts, is taken from: our own from the stack's registry, all others from its
 * mirror, or from where they come.
 *
 * @param project name of the project: the first part of our own images' paths
 */
export function wantedImages(config: Config, manifests: readonly BundledReference[], project: string): WantedImage[] {
  const { images } = config;
  const named = [...Object.values(config.services), ...Object.values(config.jobs)].flatMap(imagesOfService);
  const upstream = new Map(
    [...Object.values(images.catalog).map(({ image }) => image), ...named.filter(beginsWithHost).map(repositoryOf)].map(
      (repository) => [place(repository).path, place(repository).host] as const,
    ),
  );
  const builds = new Set(Object.keys(images.builds).map((name) => `${project}/${name}`));
  const all = new Map(
    [...manifests, ...hostImages(config)].map((one) => [`${one.named}@${one.digest ?? ""}`, one] as const),
  );
  return [...all.values()]
    .map((one): WantedImage => {
      if (builds.has(one.repository)) return { ...one, ...from(images.registry, one.repository) };
      const host = upstream.get(one.repository);
      if (host === place(images.registry).host || images.mirror === undefined)
        return { ...one, host: host ?? place(images.registry).host, from: one.repository };
      return { ...one, ...from(images.mirror, one.repository) };
    })
    .sort((a, b) => (a.named < b.named ? -1 : a.named > b.named ? 1 : 0));
}

function from(registry: string, repository: string): { host: string; from: string } {
  const { host, path } = place(registry);
  return { host, from: joined(path, repository) };
}
