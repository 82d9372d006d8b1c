import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, stateDir } from "./paths.ts";

const file = () => join(ensureDir(stateDir), "phases.json");

/** Seconds that each phase of the last run took, for the benchmark. */
export function readPhases(): Record<string, number> {
  return existsSync(file()) ? (JSON.parse(readFileSync(file(), "utf8")) as Record<string, number>) : {};
}

/** Runs a phase and notes how long it took. */
export async function timed<T>(name: string, phase: () => Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    return await phase();
  } finally {
    writeFileSync(file(), JSON.stringify({ ...readPhases(), [name]: Math.round(performance.now() - started) / 1000 }));
  }
}
