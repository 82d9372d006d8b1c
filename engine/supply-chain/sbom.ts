import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { root } from "../../local/paths.ts";
import { lastLines, runProcess } from "../process.ts";
import type { Descriptor, Repository } from "./oci.ts";

/** What CycloneDX calls itself in a registry. */
export const sbomType = "application/vnd.cyclonedx+json";

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly "bom-ref"?: string;
  readonly [field: string]: unknown;
}

export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly component?: Component };
  readonly components: readonly Component[];
  readonly [field: string]: unknown;
}

/** A package of Debian, as dpkg keeps it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** What an image is made of: the npm packages of its build's lock file, and the packages of the system under it. */
export async function makeSbom(
  image: { readonly repository: Repository; readonly name: string; readonly subject: Descriptor },
  context: string,
): Promise<Sbom> {
  const [npm, debian] = [await npmSbom(context), await debianPackages(image.repository, image.subject.digest)];
  const { subject, name } = image;
  return mergeSbom(npm, debian, { name, digest: subject.digest });
}

export function mergeSbom(
  npm: Sbom,
  debian: readonly DebianPackage[],
  image: { readonly name: string; readonly digest: string },
): Sbom {
  const app = npm.metadata.component;
  const component: Component = {
    type: "container",
    name: image.name,
    version: image.digest,
    "bom-ref": "image",
    hashes: [{ alg: "SHA-256", content: image.digest.replace("sha256:", "") }],
  };
  const system = debian.map(({ name, version, architecture }): Component => {
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
    return { type: "library", name, version, purl, "bom-ref": purl };
  });
  return {
    ...npm,
    metadata: { ...npm.metadata, component },
    components: [...(app === undefined ? [] : [app]), ...npm.components, ...system],
  };
}

/** By CycloneDX's own tool; the same lock file gives the same bytes. */
async function npmSbom(context: string): Promise<Sbom> {
  const folder = mkdtempSync(join(tmpdir(), "quorum-sbom-"));
  const file = join(folder, "sbom.json");
  try {
    const tool = join(root, "node_modules/@cyclonedx/cyclonedx-npm/bin/cyclonedx-npm-cli.js");
    const options = ["--package-lock-only", "--omit", "dev", "--output-reproducible", "--no-validate"];
    const args = [tool, ...options, "--spec-version", "1.6", "--output-file", file, join(context, "package.json")];
    const ended = await runProcess(process.execPath, args, { cwd: context });
    if (ended.code !== 0)
      throw new Error(
        `the SBOM of ${context} failed: ${lastLines(ended.stderr, 5).join("\n")}; mend its package-lock.json`,
      );
    return JSON.parse(readFileSync(file, "utf8")) as Sbom;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const databases = [/^(\.\/)?var\/lib\/dpkg\/status$/, /^(\.\/)?var\/lib\/dpkg\/status\.d\/[^/.]+$/];

/** Packages in an image's layers: of a file that several layers have, the last counts. */
export async function debianPackages(repository: Repository, digest: string): Promise<DebianPackage[]> {
  const found = await repository.manifest(digest);
  if (found === undefined) throw new Error(`${digest} is not in the registry; push the image first`);
  const inner = found.manifest.manifests?.find(({ platform }) => platform?.os === "linux");
  if (inner !== undefined) return debianPackages(repository, inner.digest);
  const files = new Map<string, string>();
  for (const layer of found.manifest.layers ?? []) {
    const bytes = await repository.blob(layer.digest);
    const tar = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
    for (const [path, content] of filesOfTar(tar, (path) => databases.some((shape) => shape.test(path))))
      files.set(path.replace(/^\.\//, ""), content.toString("utf8"));
  }
  const packages = [...files.values()].flatMap((text) => readDpkgStatus(text));
  return packages.sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
}

/** Installed packages of dpkg's database: one paragraph for each. */
export function readDpkgStatus(text: string): DebianPackage[] {
  return text.split(/\n\n+/).flatMap((paragraph) => {
    const field = (name: string) => new RegExp(`^${name}: *(.*)$`, "m").exec(paragraph)?.[1];
    const [name, version, status] = [field("Package"), field("Version"), field("Status")];
    // Distroless images keep no status: what is listed there is installed.
    const installed = status === undefined || status.endsWith(" installed");
    if (name === undefined || version === undefined || !installed) return [];
    return [{ name, version, architecture: field("Architecture") ?? "all" }];
  });
}

const block = 512;

/** Regular files of a tar archive whose path is wanted. @see POSIX.1-2017, pax, "ustar Interchange Format" */
export function* filesOfTar(tar: Buffer, wanted: (path: string) => boolean): Generator<[string, Buffer]> {
  let longName: string | undefined;
  for (let at = 0; at + block <= tar.length;) {
    const header = tar.subarray(at, at + block);
    if (header[0] === 0) return;
    const text = (from: number, length: number) =>
      header
        .subarray(from, from + length)
        .toString("utf8")
        .replace(/\0.*$/s, "");
    const size = parseInt(text(124, 12).trim() || "0", 8);
    const type = text(156, 1);
    const prefix = text(345, 155);
    const content = tar.subarray(at + block, at + block + size);
    at += block + Math.ceil(size / block) * block;
    if (type === "L") longName = content.toString("utf8").replace(/\0.*$/s, "");
    else if (type === "x") longName = / path=([^\n]*)\n/.exec(` ${content.toString("utf8")}`)?.[1];
    else {
      const path = longName ?? (prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`);
      longName = undefined;
      if ((type === "0" || type === "") && wanted(path)) yield [path, content];
    }
  }
}
