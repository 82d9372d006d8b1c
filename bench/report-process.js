// Preloaded into the Node processes that are measured: on exit each appends what only it can know of itself.
// Plain JavaScript, because the launcher's process may run on a Node that strips no types.
import { appendFileSync, readFileSync } from "node:fs";

/** Of this program alone: the peak that getrusage gives is at least that of the process which started this one. */
function peakKiB() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS;
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

process.on("exit", () => {
  const milliseconds = performance.now() - performance.nodeTiming.bootstrapComplete;
  const report = { script: process.argv[1], milliseconds, peakKiB: peakKiB() };
  appendFileSync(process.env.QUORUM_BENCH_REPORTS, `${JSON.stringify(report)}\n`);
});
