import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, stateDir } from "../local/paths.ts";
import { writePrivate } from "./files.ts";

const file = () => join(ensureDir(stateDir), "phases.json");

/** The phases of this process; undefined where nobody asked for them: other commands may run beside a start. */
let phases: Record<string, number> | undefined;

/** Seconds that each phase of the last `npm start` took, in their order; for the benchmark. */
export function readPhases(): Record<string, number> {
  return existsSync(file()) ? (JSON.parse(readFileSync(file(), "utf8")) as Record<string, number>) : {};
}

/** From now on the phases of this process are written down, in place of those of an earlier one. */
export function recordPhases(): void {
  phases = {};
}

/** Runs a phase, or a part of one, and adds the time that it took. */
export async function timed<T>(name: string, phase: () => Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    return await phase();
  } finally {
    if (phases !== undefined) {
      const seconds = (phases[name] ?? 0) + (performance.now() - started) / 1000;
      phases[name] = Math.round(seconds * 1000) / 1000;
      writePrivate(file(), JSON.stringify(phases));
    }
  }
}
