import { type ImageCatalog, imageReference, mirrorRepository } from "./images.ts";
import { list, type Problem } from "../problems.ts";
import { hasDigest, isTrusted } from "./trusted-images.ts";

/** Where the images of services and jobs come from. */
export interface ImageSources {
  /** Names of quorum:images.builds. */
  readonly builds: readonly string[];
  readonly catalog: ImageCatalog;
  /** Registry, with a path where needed, of our own images. */
  readonly registry: string;
  readonly mirror?: string | undefined;
  /** Registries, with a path where only a part of one is trusted; undefined: not known, as what says so is wrong itself. */
  readonly trusted: readonly string[] | undefined;
  readonly digests: "required" | "allowed";
}

/** A registry host, a path, and a tag or a digest or both. */
const reference =
  /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9-]+(?=:\d))(:\d{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+(?=[:@])(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

/**
 * What to run for a name of data/images.yaml or a full reference; undefined for a name of quorum:images.builds, whose
 * reference is known once it is built. A mirror stands in for every registry but our own.
 */
export function thirdPartyImage(image: string, sources: Omit<ImageSources, "trusted" | "digests">): string | undefined {
  const { builds, catalog, mirror, registry } = sources;
  if (builds.includes(image)) return undefined;
  if (catalog[image] !== undefined) return imageReference(catalog, image, mirror);
  const own = image.startsWith(`${registry}/`) || mirror === undefined || image.startsWith(`${mirror}/`);
  return own ? image : mirrorRepository(image, mirror);
}

/** What is wrong with the image of a service or a job. */
export function imageNameProblem(key: string, image: string, sources: ImageSources): Problem | undefined {
  const { builds, catalog, trusted, digests } = sources;
  if (builds.includes(image)) return undefined;
  if (catalog[image] === undefined && !reference.test(image)) {
    const names = list(builds, "or") || "none yet";
    return {
      key,
      text: `is "${image}", but it must be one of quorum:images.builds (${names}), a name of data/images.yaml or a full reference with registry and tag or digest; add it there or name another`,
    };
  }
  const full = thirdPartyImage(image, sources) ?? image;
  if (trusted !== undefined && !isTrusted(full, trusted)) {
    return {
      key,
      text: `is "${image}", but images must come from ${list(trusted, "or")}, as quorum:images.trusted says; add its registry there or name another image`,
    };
  }
  // Images of data/images.yaml go by tag where no digest of theirs is known; admission lets exactly those tags pass.
  if (digests === "required" && catalog[image] === undefined && !hasDigest(full)) {
    return {
      key,
      text: `is "${image}", but quorum:images.digests requires a digest, which ${full} lacks; name it with @sha256:… or set images.digests to allowed`,
    };
  }
  return undefined;
}
