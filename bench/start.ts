import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastLines, runProcess } from "../engine/process.ts";
import { readPhases } from "../engine/phases.ts";
import { benchDir, launcher, root } from "./paths.ts";
import { type Row, time } from "./table.ts";
import { revision } from "./tools.ts";

export interface StartOptions {
  /** With empty caches: every part and image is built anew. */
  readonly cold: boolean;
  readonly log: (line: string) => void;
}

interface StartRecord {
  readonly date: string;
  readonly revision: string;
  readonly seconds: number;
  readonly phases: Readonly<Record<string, number>>;
  /** A second `npm start`, which finds nothing to do. */
  readonly againSeconds: number;
}

const kinds = ["cold", "warm"] as const;
type Kind = (typeof kinds)[number];

/** Most that each may take on 2 cores. */
const aimedSeconds: Readonly<Record<Kind, number>> = { cold: 15 * 60, warm: 60 };

/** Where a cold run keeps what it builds. */
const caches = join(benchDir, "caches");
type Caches = Readonly<Record<string, string>>;

const recordFile = (kind: Kind) => join(benchDir, `start-${kind}.json`);

/**
 * Times `npm start` from nothing running, and once more with nothing to do. The local cluster that runs now is taken away.
 * A warm run leaves the new one running; a cold one takes it away, because it lives in the caches made for the run.
 */
export async function benchStart({ cold, log }: StartOptions): Promise<Row[]> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error(
      "bench start makes bare hosts on this machine, which needs Linux and root; npm run bench needs neither",
    );
  }
  // The module cache stays: how fast sources are downloaded says nothing of quorum.
  const env: Caches = cold ? { XDG_CACHE_HOME: join(caches, "xdg"), GOCACHE: join(caches, "go") } : {};
  if (!cold) {
    log("npm start, so that the caches are filled");
    await runQuorum(["start"], env);
  }
  await runQuorum(["local", "reset"], {});
  rmSync(caches, { recursive: true, force: true });
  try {
    log(`npm start, ${cold ? "cold" : "warm"}, from nothing running`);
    const seconds = await runQuorum(["start"], env);
    const phases = readPhases();
    log("npm start again, with nothing to do");
    const againSeconds = await runQuorum(["start"], env);
    const record: StartRecord = { date: today(), revision: await revision(), seconds, phases, againSeconds };
    writeFileSync(recordFile(cold ? "cold" : "warm"), JSON.stringify(record, undefined, 2));
  } finally {
    if (cold) {
      await runQuorum(["local", "reset"], env, true);
      rmSync(caches, { recursive: true, force: true });
    }
  }
  return startRows();
}

const today = () => new Date().toISOString().slice(0, 10);

/** Runs a command of ours, shows what it says, and gives its seconds. @throws when it fails */
async function runQuorum(args: readonly string[], env: Caches, evenIfInterrupted = false): Promise<number> {
  const began = performance.now();
  const show = (text: string) => process.stderr.write(text);
  const options = { cwd: root, env, onStdout: show, onStderr: show, evenIfInterrupted };
  const result = await runProcess(process.execPath, [launcher, ...args], options);
  if (result.code !== 0) {
    const said = lastLines(result.stderr, 15).join("\n");
    throw new Error(`${args.join(" ")} ended with exit code ${result.code}\n${said}`);
  }
  return (performance.now() - began) / 1000;
}

/** The starts that were timed in this checkout, else the phases of the last `npm start`. */
export function startRows(): Row[] {
  const rows = kinds.filter((kind) => existsSync(recordFile(kind))).flatMap(recordRows);
  const phases = readPhases();
  if (rows.length > 0 || Object.keys(phases).length === 0) return rows;
  return [{ measurement: "npm start, the last one here", note: `phases: ${describePhases(phases)}` }];
}

function recordRows(kind: Kind): Row[] {
  const {
    date,
    revision: made,
    seconds,
    phases,
    againSeconds,
  } = JSON.parse(readFileSync(recordFile(kind), "utf8")) as StartRecord;
  const remark = `aim ≤ ${aimedSeconds[kind]} s: ${seconds <= aimedSeconds[kind] ? "met" : "missed"}`;
  const rest = seconds - Object.values(phases).reduce((sum, phase) => sum + phase, 0);
  const note = `phases: ${describePhases({ ...phases, "all else": rest })} (${date}, quorum ${made})`;
  return [
    { measurement: `npm start, ${kind}`, seconds, remark, note },
    { measurement: `npm start, nothing to do (after ${kind})`, seconds: againSeconds },
  ];
}

function describePhases(phases: Readonly<Record<string, number>>): string {
  return Object.entries(phases)
    .map(([name, seconds]) => `${name} ${time(seconds)}`)
    .join(", ");
}
