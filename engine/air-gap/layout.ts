import { createHash } from "node:crypto";
import { checkedBlob, type FoundImage } from "./images.ts";
import type { ImageSource } from "./source.ts";
import type { TarEntry } from "./tar.ts";

const blobPath = (digest: string) => `images/blobs/${digest.replace(":", "/")}`;

export function textEntry(name: string, text: string | Buffer, executable = false): TarEntry {
  const content = Buffer.from(text);
  return { name, size: content.length, executable, content: () => [content] };
}

/**
 * Images as an OCI image layout: each manifest and each layer once, however many images have it.
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export function layoutEntries(images: readonly FoundImage[], source: (host: string) => ImageSource): TarEntry[] {
  const blobs = new Map<string, TarEntry>();
  for (const image of images) {
    for (const blob of image.blobs) {
      if (blobs.has(blob.digest)) continue;
      const content = () => checkedBlob(image, blob, source(image.host));
      blobs.set(blob.digest, { name: blobPath(blob.digest), size: blob.size, content });
    }
    const { digest, content } = image.manifest;
    blobs.set(digest, textEntry(blobPath(digest), content));
  }
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: images.map(({ manifest: { mediaType, digest, size }, repository, tag }) => ({
      mediaType,
      digest,
      size,
      annotations: { "org.opencontainers.image.ref.name": `${repository}${tag === undefined ? "" : `:${tag}`}` },
    })),
  };
  return [
    textEntry("images/oci-layout", `${JSON.stringify({ imageLayoutVersion: "1.0.0" })}\n`),
    textEntry("images/index.json", `${JSON.stringify(index, null, 2)}\n`),
    ...[...blobs.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  ];
}

/** What install.sh pushes: for each image a line of repository, tag, media type of its manifest, and the digests of all it is made of. */
export function pushList(images: readonly FoundImage[]): string {
  return images
    .map(({ repository, tag, manifest, blobs }) =>
      [
        repository,
        tag ?? manifest.digest,
        manifest.mediaType,
        manifest.digest,
        ...new Set(blobs.map(({ digest }) => digest)),
      ].join(" "),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Lines that `sha256sum --check` takes. A blob's name is its checksum. */
export async function checksums(entries: readonly TarEntry[]): Promise<string> {
  const lines: string[] = [];
  for (const entry of entries) {
    const [, known] = /^images\/blobs\/sha256\/([0-9a-f]{64})$/.exec(entry.name) ?? [];
    lines.push(`${known ?? (await sumOf(entry))}  ${entry.name}\n`);
  }
  return lines.join("");
}

async function sumOf(entry: TarEntry): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of entry.content()) hash.update(chunk);
  return hash.digest("hex");
}
