import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../config/parse.ts";
import { render } from "../direct/render.ts";
import type { StackConfig } from "../stack.ts";
import { findImages, type FoundImage } from "./images.ts";
import { checksums, layoutEntries, pushList, textEntry } from "./layout.ts";
import { bundledManifests, imagesOf, workloadList } from "./manifests.ts";
import { atSite } from "./references.ts";
import type { ImageSource } from "./source.ts";
import type { TarEntry } from "./tar.ts";
import { wantedImages } from "./wanted.ts";

export interface BundleInput {
  /** As the program reads it, with placeholders for secrets. */
  readonly stack: StackConfig;
  /** The same, checked. */
  readonly config: Config;
  /** Path of index.ts. */
  readonly program: string;
  readonly source: (host: string) => ImageSource;
  readonly log: (line: string) => void;
}

export interface Bundle {
  readonly entries: readonly TarEntry[];
  readonly images: readonly FoundImage[];
  /** Files with values that somebody at the site has to put in. */
  readonly secrets: readonly string[];
}

/**
 * All that a site without a way out needs to install a stack: images, manifests, checksums and the script.
 *
 * @throws naming every image that cannot be had
 */
export async function makeBundle(input: BundleInput): Promise<Bundle> {
  const { stack, config, source } = input;
  const platform = Object.values(config.images.builds)[0]?.platform ?? "linux/amd64";
  const rendered = await renderAtSite(input, await ownDigests(input));
  const images = await findImages(wantedImages(config, imagesOf(rendered), stack.project), source, platform);
  const digests = new Map(
    images.map(({ named, digest, manifest }) => [digest === undefined ? named : `${named}@${digest}`, manifest.digest]),
  );
  const manifests = bundledManifests(rendered, digests).map(({ name, text }) => textEntry(name, text));
  const secrets = manifests.map(({ name }) => name).filter((name) => name.startsWith("secrets/"));
  const script = readFileSync(join(import.meta.dirname, "install.sh"), "utf8");
  const fixed = [
    textEntry("README.md", readme(stack.stack, secrets)),
    textEntry("install.sh", script, true),
    textEntry("images.txt", pushList(images)),
    textEntry("workloads.txt", workloadList(rendered)),
    ...manifests,
    ...layoutEntries(images, source),
  ];
  // What is filled in at the site cannot have a checksum from here.
  const sums = await checksums(fixed.filter(({ name }) => !secrets.includes(name)));
  return { entries: [...fixed, textEntry("checksums.txt", sums)], images, secrets };
}

/** Digests of the stack's own images: those that it names, or those that its registry has. */
async function ownDigests({ stack, config: { images }, source }: BundleInput): Promise<Record<string, string>> {
  const slash = `${images.registry}/`.indexOf("/");
  const [host, path] = [images.registry.slice(0, slash), images.registry.slice(slash + 1)];
  const wanted = Object.entries(images.builds)
    .filter(([, { digest }]) => digest === undefined)
    .map(([name]) => {
      const repository = `${path === "" ? "" : `${path}/`}${stack.project}/${name}`;
      return { named: name, repository, tag: stack.stack, digest: undefined, host, from: repository };
    });
  // By tag an image has one digest, whatever platforms it is for: what is run is what is bundled.
  const found = await findImages(wanted, source, Object.values(images.builds)[0]?.platform ?? "linux/amd64");
  const given = Object.entries(images.builds).flatMap(([name, { digest }]) =>
    digest === undefined ? [] : [[name, digest]],
  );
  return Object.fromEntries([...given, ...found.map(({ named, manifest }) => [named, manifest.digest])]) as Record<
    string,
    string
  >;
}

/** The manifests by their file names, with the site's registry in every reference. */
async function renderAtSite(
  { stack, program, log }: BundleInput,
  digests: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const key = `${stack.project}:images`;
  const images = JSON.parse(stack.values[key] ?? "{}") as Record<string, unknown>;
  const values = { ...stack.values, [key]: JSON.stringify(atSite(images, digests)) };
  const folder = mkdtempSync(join(tmpdir(), "quorum-bundle-"));
  try {
    await render({ config: { ...stack, values }, program, log }, folder);
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".yaml"))
      .sort();
    return new Map(files.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readme(stack: string, secrets: readonly string[]): string {
  const fill = `Put a value in the place of each \`unset:…\` in these files first:\n\n${secrets.map((name) => `- ${name}\n`).join("")}\n`;
  return `# Stack ${stack}, for a site without a way out

${secrets.length === 0 ? "" : fill}Then, with curl, sha256sum and kubectl, where the cluster and its registry can be reached:

    ./install.sh REGISTRY

REGISTRY is the host, with a port and a path where needed, that the cluster's nodes pull from; \`--http\` where it has no TLS,
\`--user NAME:PASSWORD\` where it asks for one. What follows is handed to kubectl, such as \`--context NAME\`. It checks every file,
pushes what the registry lacks, applies the manifests in order and waits until all pods are ready. Run it again when it was
interrupted: it goes on where it stopped.

images/ is an OCI image layout: crane, skopeo and oras read it too.
`;
}
