import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { bringUp, prepare, prepareChecks, wholeRun } from "./cluster/setup.ts";

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
    const covered = extra.includes("--coverage");
    const env = {
      ...process.env,
      ...(project === "unit" && !beside ? {} : { [wholeRun]: "1" }),
      // Of what comes out of that cache V8 counts less exactly.
      ...(covered ? { NODE_DISABLE_COMPILE_CACHE: "1" } : {}),
    };
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", output, output] });
    // Clusters have limits of time for what is asked of them; unit tests only use what processors they leave.
    if (beside && project === "unit" && child.pid !== undefined) setPriority(child.pid, 5);
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

/** Projects on clusters: lanes side by side, as they wait most of the time, then those that end. A lane is groups one after the other. */
const onClusters = {
  cluster: { lanes: [[["apps", "parts"], ["changes"]], [["hosts"]]], last: ["end"] },
  soak: { lanes: [[["soak"]]], last: [] },
} as const;

/** `npm test`: everything short; `npm test unit`: what needs neither root nor a cluster; `npm test soak`: the long ones. */
export async function main(argv: string[]): Promise<number> {
  const [which = "all", ...rest] = argv;
  const known = ["all", "unit", ...Object.keys(onClusters)];
  if (!known.includes(which))
    throw new Error(`test is asked for "${which}", but it knows ${known.join(", ")}; name one of them or none`);
  const folder = mkdtempSync(join(tmpdir(), "quorum-test-"));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const taken: Taken[] = [];
  // What a developer reads; it makes the run longer, so the whole run goes without.
  const extra = which === "unit" && rest.length === 0 ? ["--coverage"] : rest;
  const live = async (project: string, beside: boolean) => {
    const counts = await runProject(project, folder, extra, beside);
    for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
    taken.push(...counts.taken);
  };
  const liveOnClusters = async ({ lanes, last }: (typeof onClusters)["cluster" | "soak"]) => {
    await bringUp();
    const lane = async (groups: readonly (readonly string[])[], first: boolean) => {
      for (const group of groups) await Promise.all(group.map((project, place) => live(project, !first || place > 0)));
    };
    await Promise.all(lanes.map((groups, place) => lane(groups, place === 0)));
    await lane([last], true);
  };
  try {
    if (which === "unit") await live("unit", false);
    else {
      // Only then, as what is built for the cluster (kubeadm, promtool) is what some unit tests check our files with.
      await prepare();
      // Else the unit tests' own lane builds it, beside the clusters.
      if (which !== "all") await prepareChecks();
      const lanes = [liveOnClusters(onClusters[which === "soak" ? "soak" : "cluster"])];
      if (which === "all") lanes.push(live("unit", true));
      for (const ended of await Promise.allSettled(lanes)) if (ended.status === "rejected") throw ended.reason;
    }
  } catch (error) {
    total.failed++;
    console.error((error as Error).message);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (taken.length > listed) console.log(`\nWhat took longest:\n${slowest(taken)}\n`);
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}
