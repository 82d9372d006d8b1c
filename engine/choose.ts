import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export type EngineName = "direct" | "cli";

export interface EngineChoice {
  readonly engine: EngineName;
  /** The Pulumi CLI's path; only with engine `cli`. */
  readonly pulumi?: string;
  readonly reason: string;
}

export interface EngineSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

/**
 * The engine to use: the one asked for, else the Pulumi CLI where there is one, else the direct engine.
 *
 * @throws when the CLI is asked for and there is none
 */
export function chooseEngine(asked: EngineName | undefined, surroundings: EngineSurroundings = process): EngineChoice {
  if (asked === "direct") return { engine: "direct", reason: "asked for by --engine" };
  const found = findPulumi(surroundings);
  if (found !== undefined) {
    const how = asked === "cli" ? "asked for by --engine" : "found";
    return { engine: "cli", pulumi: found, reason: `${how}: ${found}` };
  }
  const places = `neither on the PATH nor in ${versionsFolder(surroundings)}`;
  if (asked === "cli") {
    throw new Error(
      `--engine is cli, but the Pulumi CLI is ${places}; install it (pulumi.com/docs/install) or use --engine direct`,
    );
  }
  return { engine: "direct", reason: `the Pulumi CLI is ${places}` };
}

export function describeEngine(choice: EngineChoice): string {
  return `engine: ${choice.engine === "cli" ? "Pulumi CLI" : "direct"} (${choice.reason})`;
}

function findPulumi(surroundings: EngineSurroundings): string | undefined {
  const names = surroundings.platform === "win32" ? ["pulumi.exe", "pulumi.cmd"] : ["pulumi"];
  const versions = versionsFolder(surroundings);
  const installed = existsSync(versions) ? readdirSync(versions).sort(newestFirst) : [];
  const folders = [
    ...(surroundings.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""),
    ...installed.map((version) => join(versions, version, "bin")),
  ];
  for (const folder of folders) {
    for (const name of names) {
      // npm puts a package's own programs on the PATH; its `pulumi` would only download the real one.
      const path = join(folder, name);
      if (!folder.includes("node_modules") && existsSync(path)) return path;
    }
  }
  return undefined;
}

function versionsFolder({ env }: EngineSurroundings): string {
  return join(env["PULUMI_HOME"] ?? join(env["HOME"] ?? homedir(), ".pulumi"), "versions");
}

function newestFirst(a: string, b: string): number {
  return b.localeCompare(a, "en", { numeric: true });
}
