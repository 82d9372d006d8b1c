import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { bringUp, broughtUp } from "./cluster/setup.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Report {
  readonly success: boolean;
  readonly testResults: readonly { readonly name: string; readonly startTime: number; readonly endTime: number }[];
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
}

const root = join(import.meta.dirname, "..");

/** A file of tests and how long it took, in milliseconds. */
interface Taken {
  readonly file: string;
  readonly millis: number;
}

/** How many of the files that took longest are listed at the end. */
const listed = 10;

/**
 * Runs one vitest project and counts its tests. A project that could not run at all counts as one failure.
 *
 * @param beside what it prints is shown only at its end, as another prints meanwhile
 */
async function runProject(
  project: string,
  folder: string,
  extra: readonly string[],
  beside: boolean,
): Promise<Counts & { readonly taken: readonly Taken[] }> {
  const reportFile = join(folder, `${project}.json`);
  const args = [
    join(root, "node_modules", "vitest", "vitest.mjs"),
    ...["run", "--project", project, "--reporter", "default", "--reporter", "json", `--outputFile=${reportFile}`],
    ...extra,
  ];
  const code = await new Promise<number>((resolve, reject) => {
    const said: Buffer[] = [];
    const output = beside ? "pipe" : "inherit";
    const env = { ...process.env, [broughtUp]: "1" };
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", output, output] });
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part: Buffer) => said.push(part));
    const pass = (signal: NodeJS.Signals) => child.kill(signal);
    process.once("SIGINT", pass).once("SIGTERM", pass);
    child.once("error", reject);
    child.once("close", (exitCode) => {
      process.stdout.write(Buffer.concat(said));
      resolve(exitCode ?? 1);
    });
  });
  let report: Report;
  try {
    report = JSON.parse(readFileSync(reportFile, "utf8")) as Report;
  } catch {
    return { passed: 0, failed: 1, skipped: 0, taken: [] };
  }
  const failed = report.numFailedTests;
  // A file that does not load, or an error outside of every test, fails no test but fails the run.
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && (code !== 0 || !report.success || report.numPassedTests === 0) ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    taken: report.testResults.map(({ name, startTime, endTime }) => ({
      file: relative(root, name),
      millis: endTime - startTime,
    })),
  };
}

/** The files that took longest, each in a line of its own. */
function slowest(taken: readonly Taken[]): string {
  const longest = [...taken].sort((a, b) => b.millis - a.millis).slice(0, listed);
  return longest.map(({ file, millis }) => `${(millis / 1000).toFixed(1).padStart(7)} s  ${file}`).join("\n");
}

/** Whether stack dev could be brought up; says why not. */
async function isUp(): Promise<boolean> {
  try {
    await bringUp();
    return true;
  } catch (error) {
    console.error((error as Error).message);
    return false;
  }
}

/** `npm test`: everything short; `npm test unit`: what needs neither root nor a cluster; `npm test soak`: the long ones. */
export async function main(argv: string[]): Promise<number> {
  const [which = "all", ...rest] = argv;
  // One after the other; those of one group side by side, as they wait for the cluster most of the time.
  const onCluster = [["cluster", "stacks"], ["hosts"], ["end"]];
  const groups: Record<string, readonly (readonly string[])[]> = {
    // The cluster first: what it builds (kubeadm, promtool) is what some unit tests check our files with.
    all: [...onCluster, ["unit"]],
    unit: [["unit"]],
    cluster: onCluster,
    soak: [["soak"]],
  };
  const chosen = groups[which];
  if (chosen === undefined)
    throw new Error(
      `test is asked for "${which}", but it knows ${Object.keys(groups).join(", ")}; name one of them or none`,
    );
  const folder = mkdtempSync(join(tmpdir(), "quorum-test-"));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const taken: Taken[] = [];
  try {
    const ready = which === "unit" || (await isUp());
    if (!ready) total.failed++;
    for (const group of ready ? chosen : []) {
      const runs = group.map((project, place) => {
        // What a developer reads; it makes the run longer, so the whole run goes without.
        const extra = which === "unit" && rest.length === 0 ? ["--coverage"] : rest;
        return runProject(project, folder, extra, place > 0);
      });
      for (const counts of await Promise.all(runs)) {
        for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
        taken.push(...counts.taken);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (taken.length > listed) console.log(`\nWhat took longest:\n${slowest(taken)}\n`);
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}
