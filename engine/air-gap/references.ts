/**
 * Stands for the registry of the site in a bundle's manifests. `.invalid` is a name that no resolver answers (RFC 6761), so that
 * nothing runs by accident before it is replaced.
 */
export const siteRegistry = "quorum-registry.invalid";

type Raw = Readonly<Record<string, unknown>>;

/** An image that a bundle carries. */
export interface BundledReference {
  /** As the manifests name it, without a digest: host, path and tag. */
  readonly named: string;
  /** Path in any registry. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** The one that the manifests ask for; undefined where they go by tag. */
  readonly digest: string | undefined;
}

const character = "[A-Za-z0-9._/-]";
const referencePattern = new RegExp(
  `${siteRegistry.replaceAll(".", "\\.")}/(${character}+?)(?::([A-Za-z0-9_][A-Za-z0-9._-]*))?(?:@(sha256:[0-9a-f]{64}))?(?!${character}|[:@])`,
  "g",
);

/**
 * A stack's `quorum:images` with the site's registry in the place of its own and of its mirror, so that every reference and every
 * policy of the render says so.
 *
 * @param digests of the stack's own images, by their names: nothing is built
 */
export function atSite(images: Raw, digests: Readonly<Record<string, string>>): Raw {
  const builds = Object.entries((images["builds"] ?? {}) as Record<string, Raw>).map(([name, build]) => [
    name,
    { ...build, digest: digests[name] },
  ]);
  const { trusted, ...rest } = images;
  const others = Object.fromEntries(Object.entries(rest).filter(([key]) => key !== "pull"));
  const replaced = (trusted as string[] | undefined)?.map((one) => replaceHost(one, images));
  return {
    ...others,
    registry: siteRegistry,
    mirror: siteRegistry,
    builds: Object.fromEntries(builds) as Raw,
    ...(replaced !== undefined && { trusted: [...new Set([siteRegistry, ...replaced])] }),
  };
}

function replaceHost(trusted: string, { registry, mirror }: Raw): string {
  const own = [registry, mirror].find(
    (host) => typeof host === "string" && (trusted === host || trusted.startsWith(`${host}/`)),
  );
  return typeof own === "string" ? `${siteRegistry}${trusted.slice(own.length)}` : trusted;
}

/** Every image that manifests name, once. */
export function referencesIn(manifests: Iterable<string>): BundledReference[] {
  const found = new Map<string, BundledReference>();
  for (const text of manifests) {
    for (const [whole, repository = "", tag, digest] of text.matchAll(referencePattern)) {
      // A prefix, as policies name them, is no image.
      if (tag === undefined && digest === undefined) continue;
      const named = whole.replace(/@.*$/, "");
      found.set(`${named}@${digest ?? ""}`, { named, repository, tag, digest });
    }
  }
  return [...found.values()].sort((a, b) => (a.named < b.named ? -1 : a.named > b.named ? 1 : 0));
}

/** A manifest whose references all name the digest that the bundle carries. */
export function byDigest(manifest: string, digests: ReadonlyMap<string, string>): string {
  return manifest.replace(referencePattern, (whole: string) => {
    const named = whole.replace(/@.*$/, "");
    const digest = digests.get(whole) ?? digests.get(named);
    return digest === undefined ? whole : `${named}@${digest}`;
  });
}
