import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, stateDir } from "../local/paths.ts";

const file = () => join(ensureDir(stateDir), "phases.json");

/** Seconds that each phase of the last `npm start` took, in their order; for the benchmark. */
export function readPhases(): Record<string, number> {
  return existsSync(file()) ? (JSON.parse(readFileSync(file(), "utf8")) as Record<string, number>) : {};
}

export function forgetPhases(): void {
  writeFileSync(file(), "{}");
}

/** Runs a phase, or a part of one, and adds the time that it took. */
export async function timed<T>(name: string, phase: () => Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    return await phase();
  } finally {
    const phases = readPhases();
    const seconds = (phases[name] ?? 0) + (performance.now() - started) / 1000;
    writeFileSync(file(), JSON.stringify({ ...phases, [name]: Math.round(seconds * 1000) / 1000 }));
  }
}
