import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
}

const root = join(import.meta.dirname, "..");

/** Runs one vitest project and counts its tests. A project that could not run at all counts as one failure. */
async function runProject(project: string, folder: string, extra: readonly string[]): Promise<Counts> {
  const reportFile = join(folder, `${project}.json`);
  const args = [
    join(root, "node_modules", "vitest", "vitest.mjs"),
    ...["run", "--project", project, "--reporter", "default", "--reporter", "json", `--outputFile=${reportFile}`],
    ...extra,
  ];
  const code = await new Promise<number>((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    const pass = (signal: NodeJS.Signals) => child.kill(signal);
    process.once("SIGINT", pass).once("SIGTERM", pass);
    child.once("error", reject);
    child.once("close", (exitCode) => resolve(exitCode ?? 1));
  });
  let report: Report;
  try {
    report = JSON.parse(readFileSync(reportFile, "utf8")) as Report;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const failed = report.numFailedTests;
  // A file that does not load, or an error outside of every test, fails no test but fails the run.
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && (code !== 0 || !report.success || report.numPassedTests === 0) ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** `npm test`: everything short; `npm test unit`: what needs neither root nor a cluster; `npm test soak`: the long ones. */
export async function main(argv: string[]): Promise<number> {
  const [which = "all", ...rest] = argv;
  const projects: Record<string, readonly string[]> = {
    // The cluster first: what it builds (kubeadm, promtool) is what some unit tests check our files with.
    all: ["cluster", "stacks", "end", "unit"],
    unit: ["unit"],
    cluster: ["cluster", "stacks", "end"],
    soak: ["soak"],
  };
  const chosen = projects[which];
  if (chosen === undefined)
    throw new Error(
      `test is asked for "${which}", but it knows ${Object.keys(projects).join(", ")}; name one of them or none`,
    );
  const folder = mkdtempSync(join(tmpdir(), "quorum-test-"));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const project of chosen) {
      const extra = project === "unit" && rest.length === 0 ? ["--coverage"] : rest;
      const counts = await runProject(project, folder, extra);
      for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}
