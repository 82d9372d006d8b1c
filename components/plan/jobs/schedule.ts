import { readSchedule, type Schedule } from "./cron.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
/** Clocks are changed at no other moments than multiples of this, nor are they ahead of UTC by anything else. */
const leastShift = 15 * minute;

/** Years in which a next run is looked for. */
const searchYears = 12;
/** Years of runs that the largest gap is looked for in: after as many, each date falls on the same weekday again, leap days too. */
const gapYears = 28;
/** Begin of the years that the largest gap is looked for in. Fixed, so that the answer does not change by itself from day to day. */
const gapsFrom = Date.UTC(2025, 0, 1);

/** Names without a region that the IANA database has. ICU, and so Intl, knows others that Kubernetes does not, such as PST. */
const plainZones = new Set(
  "UTC UCT GMT GMT0 Greenwich Universal Zulu CET EET MET WET EST MST HST Cuba Egypt Eire GB Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya NZ Navajo PRC Poland Portugal ROC ROK Singapore Turkey".split(
    " ",
  ),
);

/** What is wrong with a time zone, or undefined: what is allowed, and after a semicolon the fix. */
export function timeZoneProblem(zone: string): string | undefined {
  const fix = "set it to a name of the IANA database, for example Europe/Berlin or Etc/UTC";
  if (!zone.includes("/") && !plainZones.has(zone)) return `Kubernetes knows no such time zone; ${fix}`;
  try {
    const known = new Intl.DateTimeFormat("en-US", { timeZone: zone }).resolvedOptions().timeZone;
    if (known !== zone && known.toLowerCase() === zone.toLowerCase()) return `its case counts; set it to ${known}`;
  } catch {
    return `Kubernetes knows no such time zone; ${fix}`;
  }
  const written = !zone.startsWith("SystemV/") && zone.split("/").every((part) => /^[A-Z]/.test(part));
  return written ? undefined : `its case counts and aliases of Java are unknown to Kubernetes; ${fix}`;
}

/**
 * What is wrong with a schedule, or undefined: what is allowed, and after a semicolon the fix.
 *
 * @param zone a time zone without a problem
 */
export function scheduleProblem(text: string, zone: string): string | undefined {
  try {
    const [run] = nextRuns(text, zone, new Date(gapsFrom), 1);
    return run === undefined ? "no such day comes, so it would never run; set days that its months have" : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The next runs after a moment. As in Kubernetes, a wall-clock time that a clock change leaves out brings no run, and one
 * that comes twice brings two.
 *
 * @param from for `@every`, the run before the first
 */
export function nextRuns(text: string, zone: string, from: Date, count: number): Date[] {
  const schedule = readSchedule(text);
  const after = Math.floor(from.getTime() / second) * second;
  if (schedule.kind === "every") {
    return Array.from({ length: count }, (_, index) => new Date(after + (index + 1) * schedule.seconds * second));
  }
  const clock = Clock.of(zone);
  const times = timesOf(schedule);
  const runs: Date[] = [];
  const today = Math.floor((after + clock.offset(after)) / day) * day;
  for (const wall of runDays(schedule, today, searchYears)) {
    for (const instant of clock.instantsOf(times, wall)) {
      if (instant <= after) continue;
      runs.push(new Date(instant));
      if (runs.length === count) return runs;
    }
  }
  return runs;
}

/** Most seconds that pass between the beginnings of two runs, clock changes included. @throws when it never runs */
export function largestGapSeconds(text: string, zone: string): number {
  const gap = gapSeconds(readSchedule(text), zone);
  if (gap === undefined) throw new Error(`the schedule ${text} never comes`);
  return gap;
}

/** A moment as the clocks of its time zone show it: `2026-11-23 02:17`. */
export function showRun(run: Date, zone: string): string {
  const wall = new Date(run.getTime() + Clock.of(zone).offset(run.getTime()));
  return wall.toISOString().slice(0, 16).replace("T", " ");
}

function gapSeconds(schedule: Schedule, zone: string): number | undefined {
  if (schedule.kind === "every") return schedule.seconds;
  const clock = Clock.of(zone);
  const times = timesOf(schedule);
  const within = largestStep(times);
  let gap = 0;
  let first: number | undefined;
  let last: number | undefined;
  for (const wall of runDays(schedule, gapsFrom, gapYears)) {
    const changes = clock.changesAround(wall);
    const instants = changes ? clock.instantsOf(times, wall) : clock.instantsOf([times[0] ?? 0], wall);
    for (const instant of instants) {
      first ??= instant;
      gap = Math.max(gap, instant - (last ?? instant));
      last = instant;
    }
    if (changes) continue;
    // On a day like any other the pauses are those that the fields say, and the last run ends it.
    gap = Math.max(gap, within);
    last = (instants[0] ?? 0) + (times.at(-1) ?? 0) - (times[0] ?? 0);
  }
  if (first === undefined || last === undefined) return undefined;
  // The first run of these years stands for the one after them: days repeat, give or take a clock change.
  return Math.max(gap, first + gapYears * 365.25 * day - last) / second;
}

/** The days on which a schedule runs, for so many years from one on. */
function* runDays(schedule: Fields, from: number, years: number): Generator<number> {
  const end = from + years * 365.25 * day;
  for (let wall = from; wall < end; wall += day) if (matchesDay(schedule, wall)) yield wall;
}

function largestStep(times: readonly number[]): number {
  return Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}

type Fields = Extract<Schedule, { kind: "fields" }>;

/** A day's times, counted from its midnight. */
function timesOf({ hours, minutes }: Fields): number[] {
  return hours.flatMap((each) => minutes.map((one) => each * hour + one * minute));
}

function matchesDay({ days, months, weekdays, eitherDay }: Fields, wall: number): boolean {
  const date = new Date(wall);
  if (!months.has(date.getUTCMonth() + 1)) return false;
  const byMonth = days.has(date.getUTCDate());
  const byWeek = weekdays.has(date.getUTCDay());
  return eitherDay ? byMonth || byWeek : byMonth && byWeek;
}

/**
 * The clocks of a time zone. A wall-clock time is written as the moment at which clocks in UTC show it; days of it begin at
 * whole multiples of a day.
 */
class Clock {
  static readonly #known = new Map<string, Clock>();
  readonly #format: Intl.DateTimeFormat;
  readonly #offsets = new Map<number, number>();

  /** One for each zone, as what it has found out is worth keeping. */
  static of(zone: string): Clock {
    const clock = this.#known.get(zone) ?? new Clock(zone);
    this.#known.set(zone, clock);
    return clock;
  }

  private constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** Milliseconds by which clocks are ahead of UTC at a moment. */
  offset(instant: number): number {
    const at = Math.floor(instant / leastShift) * leastShift;
    const known = this.#offsets.get(at);
    if (known !== undefined) return known;
    const parts = this.#format.format(at).split(/\D+/).map(Number);
    const [months = 0, days = 0, years = 0, hours = 0, minutes = 0, seconds = 0] = parts;
    const offset = Date.UTC(years, months - 1, days, hours, minutes, seconds) - at;
    this.#offsets.set(at, offset);
    return offset;
  }

  /** Whether clocks are changed within the day before, on or after a day. */
  changesAround(wall: number): boolean {
    return this.offset(wall - day) !== this.offset(wall + 2 * day);
  }

  /** The moments of a day's times, in order. */
  instantsOf(times: readonly number[], wall: number): number[] {
    const before = this.offset(wall - day);
    const shown = times.map((time) => wall + time);
    if (!this.changesAround(wall)) return shown.map((time) => time - before);
    const after = this.offset(wall + 2 * day);
    const found = shown.flatMap((time) => [time - before, time - after].filter((at) => at + this.offset(at) === time));
    return [...new Set(found)].sort((a, b) => a - b);
  }
}
