import { createHash } from "node:crypto";
import type { Descriptor, ImageSource, Manifest } from "./source.ts";

/** Where one image of a bundle comes from, and what it is called at the site. */
export interface WantedImage {
  /** Reference in the manifests. */
  readonly named: string;
  /** Path at the site's registry. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** Host that it is taken from. */
  readonly host: string;
  /** Path there. */
  readonly from: string;
}

/** An image that was found: its manifest, and all that it is made of. */
export interface FoundImage extends WantedImage {
  readonly manifest: Manifest;
  readonly blobs: readonly Descriptor[];
}

interface ManifestBody {
  readonly manifests?: readonly (Descriptor & {
    readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  })[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

/** How long an image's name in a message may get. */
const named = ({ host, from, tag, digest }: WantedImage) =>
  `${host}/${from}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;

/**
 * Finds every image. Of those for several platforms, the one for `platform`.
 *
 * @throws naming every image that is missing
 */
export async function findImages(
  wanted: readonly WantedImage[],
  source: (host: string) => ImageSource,
  platform: string,
): Promise<FoundImage[]> {
  const found: FoundImage[] = [];
  const missing: string[] = [];
  for (const image of wanted) {
    const manifest = await findManifest(image, source(image.host), platform);
    if (manifest === undefined) missing.push(named(image));
    else found.push({ ...image, manifest, blobs: blobsOf(manifest, named(image)) });
  }
  if (missing.length === 0) return found;
  const lines = missing.map((name) => `  ${name}`).join("\n");
  throw new Error(
    `${missing.length} of the stack's images are missing; bring the stack up once, so that they are built or mirrored, or push them:\n${lines}`,
  );
}

async function findManifest(image: WantedImage, source: ImageSource, platform: string): Promise<Manifest | undefined> {
  const answer = await source.manifest(image.from, image.digest ?? image.tag ?? "latest");
  if (answer === undefined) return undefined;
  const checked = withDigest(answer, image);
  const { manifests } = read(checked, named(image));
  if (manifests === undefined) return checked;
  const [os, architecture, variant] = platform.split("/");
  const one = manifests.find(
    (each) =>
      each.platform?.os === os &&
      each.platform?.architecture === architecture &&
      (variant === undefined || each.platform?.variant === variant),
  );
  if (one === undefined)
    throw new Error(
      `image ${named(image)} is not for ${platform}; name another image, or another platform in quorum:images.builds`,
    );
  const chosen = await source.manifest(image.from, one.digest);
  return chosen && withDigest(chosen, { ...image, digest: one.digest });
}

/** The registry's word is not taken for it: the digest is reckoned. */
function withDigest(manifest: Manifest, image: WantedImage): Manifest {
  const digest = `sha256:${createHash("sha256").update(manifest.content).digest("hex")}`;
  const announced = image.digest ?? manifest.digest;
  if (announced !== "" && announced !== digest)
    throw new Error(
      `image ${named(image)}: wrong checksum: its manifest has ${digest}, not ${announced}; push the image again`,
    );
  return { ...manifest, digest };
}

function read(manifest: Manifest, name: string): ManifestBody {
  try {
    return JSON.parse(manifest.content.toString()) as ManifestBody;
  } catch (error) {
    throw new Error(`image ${name}: its manifest is no JSON; push the image again`, { cause: error });
  }
}

function blobsOf(manifest: Manifest, name: string): Descriptor[] {
  const { config, layers } = read(manifest, name);
  if (config === undefined || layers === undefined)
    throw new Error(
      `image ${name} has a manifest of an old kind (${manifest.mediaType}); push the image again by a newer Docker`,
    );
  return [config, ...layers];
}

/** A blob's bytes. @throws when they are not those that its digest says, naming the image */
export async function* checkedBlob(
  image: FoundImage,
  blob: Descriptor,
  source: ImageSource,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of await source.blob(image.from, blob.digest)) {
    hash.update(chunk);
    yield chunk;
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (digest !== blob.digest)
    throw new Error(
      `image ${named(image)}: wrong checksum: a layer has ${digest}, not ${blob.digest}; push the image again`,
    );
}
