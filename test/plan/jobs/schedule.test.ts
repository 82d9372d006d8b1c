import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSchedule } from "../../../components/plan/jobs/cron.ts";
import {
  largestGapSeconds,
  nextRuns,
  scheduleProblem,
  showRun,
  timeZoneProblem,
} from "../../../components/plan/jobs/schedule.ts";

/**
 * What Kubernetes' own reader of schedules answers. Left out is where that goes astray: in Lord Howe, whose clocks shift by
 * half an hour, it skips a Sunday after the shift.
 */
const answers = readFileSync(join(import.meta.dirname, "fixtures/schedule-runs.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(" | "))
  .map(([schedule = "", zone = "", from = "", runs = ""]) => ({ schedule, zone, from, runs }));

describe("a schedule is read as Kubernetes reads it", () => {
  const read = answers.filter(({ runs }) => runs !== "refused");
  it.each(read)("$schedule in $zone after $from", ({ schedule, zone, from, runs }) => {
    const expected = runs.split(" ").slice(0, 3);
    const found = nextRuns(schedule, zone, new Date(from), 3).slice(0, expected.length);
    expect(found.map((run) => run.toISOString().replace(".000", ""))).toEqual(expected);
  });

  const refused = answers.filter(({ runs }) => runs === "refused");
  it.each(refused)("$schedule is refused", ({ schedule }) => {
    expect(() => readSchedule(schedule)).toThrow(/must|write it/);
  });

  it("takes no time zone inside", () => {
    for (const schedule of ["TZ=UTC 0 0 * * *", "CRON_TZ=Europe/Berlin 0 0 * * *"])
      expect(scheduleProblem(schedule, "Etc/UTC")).toMatch(/set timeZone beside it/);
  });

  it.each([
    ["61 * * * *", "its minute 61 must be from 0 to 59; set it to one of them"],
    ["0 0 * * 7", /Sunday is 0$/],
    ["0 0 * * fri-mon", "its day of the week fri-mon must go upwards; write it as 5-6,0-1"],
    ["0 0 30 2 *", "no such day comes, so it would never run; set days that its months have"],
    ["0 0 31 4,6,9,11 *", /never run/],
    [", * * * *", /its minute is empty/],
    ["@reboot", /five fields, @every with a duration, or one of @yearly/],
    ["@every 1d", /@every 1h30m/],
    ["@every 0s", /@every 1h30m/],
  ])("says what is wrong with %s", (schedule, problem) => {
    expect(scheduleProblem(schedule, "Etc/UTC")).toMatch(problem);
  });

  it("counts @every from the run before", () => {
    const runs = nextRuns("@every 1h30m", "Europe/Berlin", new Date("2026-03-01T00:00:00Z"), 2);
    expect(runs.map((run) => run.toISOString())).toEqual(["2026-03-01T01:30:00.000Z", "2026-03-01T03:00:00.000Z"]);
    expect(largestGapSeconds("@every 1h30m", "Etc/UTC")).toBe(5400);
  });
});

describe("the next runs", () => {
  const zones = ["Etc/UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"];
  /** Minutes of these days are gone through one by one. */
  const daysAhead = 4;
  const ofField = (min: number, max: number) =>
    fc.oneof(
      fc.constant("*"),
      fc.constant("?"),
      fc.integer({ min, max }).map(String),
      fc.integer({ min: 2, max: 9 }).map((step) => `*/${step}`),
      fc
        .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => values.join(",")),
    );
  const fields = fc.tuple(ofField(0, 59), ofField(0, 23), ofField(1, 31), ofField(1, 12), ofField(0, 6));
  // Around both changes of clocks of a year, and anywhere else.
  const moment = fc.oneof(
    fc.constantFrom("2026-03-27T12:00:00Z", "2026-10-23T12:00:00Z", "2026-03-07T00:00:00Z", "2026-10-31T00:00:00Z"),
    fc.constantFrom("2026-04-03T00:00:00Z", "2026-10-02T00:00:00Z", "2027-12-30T05:04:03Z", "2028-02-27T23:59:59Z"),
  );

  it("are those of every minute whose clock shows a time of the schedule", () => {
    fc.assert(
      fc.property(fields, fc.constantFrom(...zones), moment, (parts, zone, from) => {
        const expected = minutesOf(parts, zone, new Date(from), daysAhead);
        const end = Date.parse(from) + daysAhead * 86_400_000;
        const found = nextRuns(parts.join(" "), zone, new Date(from), expected.length + 1)
          .map((run) => run.getTime())
          .filter((run) => run <= end);
        expect(found).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it("never lie further apart than the largest gap", () => {
    fc.assert(
      fc.property(fields, fc.constantFrom(...zones), moment, (parts, zone, from) => {
        const schedule = parts.join(" ");
        fc.pre(scheduleProblem(schedule, zone) === undefined);
        const gap = largestGapSeconds(schedule, zone);
        const runs = nextRuns(schedule, zone, new Date(from), 300).map((run) => run.getTime() / 1000);
        const gaps = runs.slice(1).map((run, index) => run - (runs[index] ?? 0));
        expect(Math.max(...gaps)).toBeLessThanOrEqual(gap);
      }),
      { numRuns: 60 },
    );
  });
});

/** By brute force: each minute is shown by Intl and compared with sets that are written down another way. */
function minutesOf(parts: readonly string[], zone: string, from: Date, days: number): number[] {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    weekday: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    hourCycle: "h23",
  });
  const fits = (part: string, value: number, min: number) =>
    part.split(",").some((each) => {
      if (each === "*" || each === "?") return true;
      if (each.startsWith("*/")) return (value - min) % Number(each.slice(2)) === 0;
      const [low, high = low] = each.split("-").map(Number);
      return low !== undefined && high !== undefined && low <= value && value <= high;
    });
  const [minutes = "", hours = "", monthDays = "", months = "", weekdays = ""] = parts;
  const free = (part: string) => part === "*" || part === "?";
  const found: number[] = [];
  const minute = 60_000;
  for (
    let at = Math.ceil((from.getTime() + 1) / minute) * minute;
    at <= from.getTime() + days * 86_400_000;
    at += minute
  ) {
    const shown = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].indexOf(shown["weekday"] ?? "");
    const byDay = fits(monthDays, Number(shown["day"]), 1);
    const byWeekday = fits(weekdays, weekday, 0);
    const dayFits = free(monthDays) || free(weekdays) ? byDay && byWeekday : byDay || byWeekday;
    if (!dayFits || !fits(minutes, Number(shown["minute"]), 0) || !fits(hours, Number(shown["hour"]), 0)) continue;
    if (fits(months, Number(shown["month"]), 1)) found.push(at);
  }
  return found;
}

describe("the largest gap", () => {
  it.each([
    ["*/1 * * * *", "Etc/UTC", 60],
    ["*/5 * * * *", "Europe/Berlin", 300],
    ["7,20 * * * *", "Etc/UTC", 47 * 60],
    // 02:30 is left out on the day on which clocks go forward, so two days less an hour lie between.
    ["30 2 * * *", "Europe/Berlin", 47 * 3600],
    ["17 2 * * *", "Etc/UTC", 86_400],
    ["0 12 * * *", "Europe/Berlin", 25 * 3600],
    ["0 0 1 * *", "Etc/UTC", 31 * 86_400],
    ["0 0 * * 1-5", "Etc/UTC", 3 * 86_400],
    ["0 0 29 2 *", "Etc/UTC", 1461 * 86_400],
    ["@yearly", "Etc/UTC", 366 * 86_400],
    // The 23rd of February and its Saturdays: in a leap year like 2036, of which one comes every 28 years, they end together.
    ["0 0 23 2 6", "Etc/UTC", 350 * 86_400],
  ])("of %s in %s is %i s", (schedule, zone, seconds) => {
    expect(largestGapSeconds(schedule, zone)).toBe(seconds);
  });

  it("is refused to a schedule that never comes", () => {
    expect(() => largestGapSeconds("0 0 31 2 *", "Etc/UTC")).toThrow(/never comes/);
  });
});

describe("a time zone", () => {
  it.each([
    "Etc/UTC",
    "UTC",
    "Europe/Berlin",
    "US/Pacific",
    "Asia/Calcutta",
    "America/Argentina/Buenos_Aires",
    "Etc/GMT+5",
  ])("%s is taken", (zone) => expect(timeZoneProblem(zone)).toBeUndefined());

  it.each([
    ["europe/berlin", "its case counts; set it to Europe/Berlin"],
    ["us/pacific", /case counts/],
    // Known to Intl, but not to the IANA database.
    ["PST", /Kubernetes knows no such time zone/],
    ["SystemV/PST8", /unknown to Kubernetes/],
    ["Local", /no such time zone/],
    ["Mars/Olympus", /no such time zone; set it to a name of the IANA database/],
  ])("%s is refused", (zone, problem) => expect(timeZoneProblem(zone)).toMatch(problem));

  it("is the one that a run is shown in", () => {
    expect(showRun(new Date("2026-07-01T00:17:00Z"), "Europe/Berlin")).toBe("2026-07-01 02:17");
  });
});
