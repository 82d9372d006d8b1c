import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { type BundleFile, bundleFiles, bundleMarker, bundleMemory } from "../components/plan/control-plane/bundle.ts";
import type { StepContext } from "../components/plan/control-plane/host-steps.ts";

interface Marker {
  readonly format: number;
  readonly cluster: string;
  readonly files: readonly string[];
}

/**
 * Writes a plan's bundle into a folder: one that is new or empty, or one with an earlier bundle of the same cluster, whose files
 * are replaced and whose memory of what is done stays.
 *
 * @throws when the folder holds anything else
 */
export function writeBundle(context: StepContext, folder: string): BundleFile[] {
  const files = bundleFiles(context);
  const earlier = readMarker(folder);
  if (earlier === undefined) refuseOthers(folder);
  else {
    const { clusterName } = context.plan;
    if (earlier.cluster !== clusterName)
      throw new Error(
        `--bundle is "${folder}", but that is a bundle of cluster ${earlier.cluster} and not of ${clusterName}; name another folder`,
      );
    for (const path of earlier.files) rmSync(join(folder, inside(folder, path)), { force: true });
  }
  for (const { path, text } of files) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return files;
}

/** Nothing outside the folder is removed, whatever its marker says. */
function inside(folder: string, path: string): string {
  const plain = normalize(path);
  if (plain.startsWith("..") || plain.startsWith("/"))
    throw new Error(
      `--bundle is "${folder}", but its ${bundleMarker} names "${path}" outside of it; name another folder`,
    );
  return plain;
}

function readMarker(folder: string): Marker | undefined {
  const path = join(folder, bundleMarker);
  if (!existsSync(path)) return undefined;
  try {
    const marker = JSON.parse(readFileSync(path, "utf8")) as Marker;
    if (marker.format === 1 && typeof marker.cluster === "string" && Array.isArray(marker.files)) return marker;
  } catch {
    // Not one of ours: said below.
  }
  throw new Error(`--bundle is "${folder}", but its ${bundleMarker} is not that of a bundle; name another folder`);
}

function refuseOthers(folder: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new Error(`--bundle is "${folder}", but that is a file; name a folder`);
  const others = readdirSync(folder).filter((name) => !bundleMemory.includes(name));
  if (others.length === 0) return;
  throw new Error(
    `--bundle is "${folder}", but that folder holds other files (${others.slice(0, 3).join(", ")}${others.length > 3 ? ", …" : ""}); name a new or an empty one`,
  );
}
