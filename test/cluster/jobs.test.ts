import { describe, expect, it } from "vitest";
import { eventually, kubectl, only, prometheusUrl, query, succeed } from "./quorum.ts";

const calls = () => query('sum(application_api{url="/api/job/run/wakeUp", response="200"})');

describe("the sample's jobs", () => {
  it("wake the app each minute, which the app's counter in Prometheus shows", async () => {
    const cronJob = () => only("cronjobs", "apps", "quorum.dev/job=run-api-job");
    expect((await cronJob()).spec).toMatchObject({ schedule: "*/1 * * * *", concurrencyPolicy: "Forbid" });
    await eventually("a run of run-api-job that succeeded", 90, async () => {
      return (await cronJob()).status["lastSuccessfulTime"];
    });
    await eventually("its call in the counter", 30, async () => ((await calls()) ?? 0) > 0 || undefined);
  });

  it("wake it at once when told to, and say so", async () => {
    const before = (await calls()) ?? 0;
    const { stdout } = await succeed(["job", "run", "run-api-job"]);
    expect(stdout).toMatch(/\/api\/job\/run\/wakeUp attempt 1 of 4: 200 after \d+ ms/);
    expect(stdout).toMatch(/^Job apps\/run-api-job-run-\w+ succeeded$/m);
    await eventually("one call more in the counter", 30, async () => ((await calls()) ?? 0) > before || undefined);
  });

  it("calculate pi, which stays in the log", async () => {
    const log = await kubectl(["logs", "-n", "apps", "-l", "quorum.dev/job=pi", "--tail=-1"]);
    expect(log.trim()).toBe(pi(2000));
  });
});

describe("the alerts on jobs", () => {
  it("are loaded, and know how old a success may get", async () => {
    const loaded = await eventually("the rules in Prometheus", 60, async () => {
      const answer = await fetch(`${prometheusUrl}/api/v1/rules?type=alert`);
      const { data } = (await answer.json()) as { data: { groups: { rules: { name: string; health: string }[] }[] } };
      const rules = data.groups.flatMap((group) => group.rules);
      return rules.some(({ health }) => health === "unknown") || rules.length === 0 ? undefined : rules;
    });
    expect(loaded.filter(({ health }) => health !== "ok")).toEqual([]);
    expect(loaded.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["ScheduledJobMissed", "ScheduledJobFailed", "ScheduledJobTooOld", "OneOffJobFailed"]),
    );
    expect(await query('quorum:cronjob_max_age_seconds{cronjob="run-api-job"}')).toBe(60 + 200 + 600);
  });
});

/** Pi with as many digits, rounded, by Machin's formula in integers. */
function pi(digits: number): string {
  const guard = 10n ** 10n;
  const one = 10n ** BigInt(digits - 1) * guard;
  const arctanOfInverse = (x: bigint) => {
    let sum = 0n;
    let term = one / x;
    for (let n = 1n; term !== 0n; n += 2n, term /= -(x * x)) sum += term / n;
    return sum;
  };
  const text = String((4n * (4n * arctanOfInverse(5n) - arctanOfInverse(239n)) + guard / 2n) / guard);
  return `${text.slice(0, 1)}.${text.slice(1)}`;
}
