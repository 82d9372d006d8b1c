import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureDir, cacheDir } from "./paths.ts";
import { run } from "./run.ts";

/** A release in the Maven repositories. */
interface Jar {
  /** Group, artifact, version, packaging and classifier. */
  readonly coordinates: string;
  readonly file: string;
  /** Of the file whose published checksum was right when it was pinned here. */
  readonly sha256: string;
}

export const zipkinJar: Jar = {
  coordinates: "io.zipkin:zipkin-server:3.5.1:jar:exec",
  file: "zipkin-server-3.5.1-exec.jar",
  sha256: "7ac633a6832647e71e50012a5e3e91fbc7054414955261724526030faf271d8d",
};

const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

/**
 * Fetches a release with Maven, from the repository or mirror that this machine's settings name.
 * @throws when its checksum is not the published one, or not the one that is pinned
 */
export async function fetchJar({ coordinates, file, sha256 }: Jar, target: string): Promise<void> {
  const logFile = join(ensureDir(join(cacheDir, "logs")), "maven.log");
  // Beside the target, so that it can be renamed; a folder of its own, as Maven takes a folder's pom.xml for its project.
  const folder = mkdtempSync(join(dirname(target), "maven-"));
  try {
    await run(
      "mvn",
      [
        "--batch-mode",
        "--quiet",
        "--strict-checksums",
        copyGoal,
        `-Dartifact=${coordinates}`,
        `-DoutputDirectory=${folder}`,
      ],
      { cwd: folder, logFile },
    );
    const fetched = join(folder, file);
    const found = createHash("sha256").update(readFileSync(fetched)).digest("hex");
    if (found !== sha256)
      throw new Error(`${coordinates} has the checksum ${found}, but ${sha256} is pinned in local/jars.ts`);
    renameSync(fetched, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
