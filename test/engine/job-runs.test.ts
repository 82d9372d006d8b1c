import { describe, expect, test } from "vitest";
import type { Config } from "../../config/parse.ts";
import { jobSchema } from "../../config/schema/jobs.ts";
import type { Kubectl } from "../../engine/direct/kubectl.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { type JobRun, listJobs, runJob, runName } from "../../engine/job-runs.ts";
import { object } from "./objects.ts";
import { failureOf } from "./programs.ts";

const now = new Date("2026-11-23T00:20:30Z");
const jobs: Config["jobs"] = {
  wake: jobSchema.parse({ schedule: "*/5 * * * *", timeZone: "Europe/Berlin", call: "web/x" }),
  paused: jobSchema.parse({ schedule: "@daily", image: "app", suspend: true }),
  late: jobSchema.parse({ schedule: "@hourly", image: "app" }),
  pi: jobSchema.parse({ image: "perl" }),
  gone: jobSchema.parse({ image: "perl" }),
};

/** Answers kubectl's get, create and logs from these objects; a Job that is created ends as told. */
function jobRun(
  objects: KubeObject[],
  end: "Complete" | "Failed" = "Complete",
): { run: JobRun; said: string[]; calls: string[] } {
  const said: string[] = [];
  const calls: string[] = [];
  const there = [...objects];
  const call = (args: readonly string[]): Promise<string> => {
    calls.push(args.join(" "));
    const [verb, kind = "", name = ""] = args;
    if (verb === "logs") return Promise.resolve("one line\nanother\n");
    if (verb === "create") {
      there.push(
        object("Job", name, { status: { conditions: [{ type: end, status: "True" }] } }),
        object("Pod", `${name}-x`, {
          status: { containerStatuses: [{ state: { terminated: { exitCode: end === "Complete" ? 0 : 3 } } }] },
        }),
      );
      return Promise.resolve("");
    }
    const items = there.filter((each) => each.kind.toLowerCase() === kind.replace(/s$/, ""));
    if (name.startsWith("-")) return Promise.resolve(JSON.stringify({ items }));
    const one = items.find(({ metadata }) => metadata.name === name);
    return Promise.resolve(one === undefined ? "" : JSON.stringify(one));
  };
  const kubectl = { call } as unknown as Kubectl;
  const log = (line: string) => void said.push(line);
  return { run: { kubectl, jobs, namespace: "apps", timeoutSeconds: 5, log, now: () => now }, said, calls };
}

const cronJob = (name: string, more: Record<string, unknown> = {}) =>
  object("CronJob", name, { namespace: "apps", ...more });

describe("job run", () => {
  test("makes a Job of its own from the CronJob, waits, and says what it said", async () => {
    const { run, said, calls } = jobRun([cronJob("wake")]);
    expect(await runJob(run, "wake")).toBe(0);
    const name = runName("wake", now);
    expect(calls).toContain(`create job ${name} --from=cronjob/wake -n apps`);
    expect(said).toEqual(["one line", "another", `Job apps/${name} succeeded`]);
  });

  test("ends with 1 when the run fails", async () => {
    const { run, said } = jobRun([cronJob("wake")], "Failed");
    expect(await runJob(run, "wake")).toBe(1);
    expect(said.at(-1)).toMatch(/failed with exit code 3$/);
  });

  test("gives every run a name that a pod's name can begin with", () => {
    const longest = runName("j".repeat(40), new Date("2090-01-01T00:00:00Z"));
    expect(longest.length).toBeLessThanOrEqual(63 - "-abcde".length);
    expect(runName("wake", now)).not.toBe(runName("wake", new Date(now.getTime() + 1)));
  });

  test.each([
    ["wakr", /^"wakr" is no job of this stack; did you mean wake\?$/],
    ["pi", /^job "pi" has no schedule: it runs once for what it runs; change it/],
    ["wake", /^CronJob apps\/wake is not there; npm run up makes it$/],
  ])("refuses %s", async (name, message) => {
    expect(await failureOf(() => runJob(jobRun([]).run, name))).toMatch(message);
  });
});

test("job list says each job's schedule, next run, last success and whether it is suspended", async () => {
  const { run, said } = jobRun([
    cronJob("wake", { spec: { suspend: false }, status: { lastSuccessfulTime: "2026-11-23T00:20:04Z" } }),
    cronJob("paused", { spec: { suspend: true }, status: {} }),
    object("Job", "pi-0e70337c7a", {
      metadata: { labels: { "quorum.dev/job": "pi" } },
      status: { completionTime: "2026-11-22T23:00:00Z", conditions: [{ type: "Complete", status: "True" }] },
    }),
  ]);
  await listJobs(run);
  expect(said.map((line) => line.split(/ {2,}/))).toEqual([
    ["job", "schedule", "next run", "last success"],
    ["wake", "*/5 * * * * Europe/Berlin", "2026-11-23 01:25", "2026-11-23 01:20"],
    ["paused", "@daily Etc/UTC", "none", "never", "suspended"],
    ["late", "@hourly Etc/UTC", "none", "never", "not there yet: npm run up makes it"],
    ["pi", "once", "none", "2026-11-22 23:00", "succeeded"],
    ["gone", "once", "none", "never", "not there: ended and taken away, or not run yet"],
  ]);
});

test("job list says that there is none", async () => {
  const { run, said } = jobRun([]);
  await listJobs({ ...run, jobs: {} });
  expect(said).toEqual(["this stack has no jobs; declare one in quorum:jobs"]);
});
