/**
 * Kubernetes' cron form: what `ParseStandard` of github.com/robfig/cron v3 reads, which the API server checks a schedule with
 * and its controller follows. Other readers of cron (croner, cron-parser) take more than it does (seconds, `L`, `#`, 7 for Sunday)
 * and differ where both days are given as steps or where clocks are changed, so the form is read here.
 */
export type Schedule =
  | {
      readonly kind: "fields";
      readonly minutes: readonly number[];
      readonly hours: readonly number[];
      readonly days: ReadonlySet<number>;
      readonly months: ReadonlySet<number>;
      /** 0 is Sunday. */
      readonly weekdays: ReadonlySet<number>;
      /** Both days are restricted, and one of them is enough. */
      readonly eitherDay: boolean;
    }
  | {
      /** A pause between runs, counted from the one before. */
      readonly kind: "every";
      readonly seconds: number;
    };

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const minute: Field = { name: "minute", min: 0, max: 59 };
const hour: Field = { name: "hour", min: 0, max: 23 };
const day: Field = { name: "day of the month", min: 1, max: 31 };
const month: Field = { name: "month", min: 1, max: 12, names: monthNames };
const weekday: Field = { name: "day of the week", min: 0, max: 6, names: weekdayNames };

const shorthands: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/**
 * Reads a schedule in Kubernetes' form.
 *
 * @throws Error that says what is allowed in place of what is wrong, and how to mend it
 */
export function readSchedule(text: string): Schedule {
  if (/TZ/.test(text)) throw new Error("Kubernetes takes no time zone inside a schedule; set timeZone beside it");
  if (text.startsWith("@every ")) return { kind: "every", seconds: duration(text.slice("@every ".length)) };
  const fields = (text.startsWith("@") ? shorthand(text) : text).split(/\s+/).filter((part) => part !== "");
  const [minutes, hours, days, months, weekdays] = fields;
  if (
    fields.length !== 5 ||
    minutes === undefined ||
    hours === undefined ||
    days === undefined ||
    months === undefined ||
    weekdays === undefined
  ) {
    throw new Error(
      `it has ${fields.length} fields, and must have 5: minute, hour, day of the month, month, day of the week; write it as */5 * * * *`,
    );
  }
  const dayField = readField(days, day);
  const weekdayField = readField(weekdays, weekday);
  return {
    kind: "fields",
    minutes: sorted(readField(minutes, minute).values),
    hours: sorted(readField(hours, hour).values),
    days: dayField.values,
    months: readField(months, month).values,
    weekdays: weekdayField.values,
    eitherDay: !dayField.star && !weekdayField.star,
  };
}

function shorthand(text: string): string {
  const fields = shorthands[text];
  if (fields !== undefined) return fields;
  throw new Error(
    `it must be five fields, @every with a duration, or one of ${Object.keys(shorthands).join(", ")}; write it as one of them`,
  );
}

interface Values {
  readonly values: ReadonlySet<number>;
  /** Nothing is restricted: as robfig/cron has it, a star with a step restricts. */
  readonly star: boolean;
}

function readField(text: string, field: Field): Values {
  const parts = text.split(",").filter((part) => part !== "");
  if (parts.length === 0) throw new Error(`its ${field.name} is empty, so it would never run; write * for each`);
  const ranges = parts.map((part) => readRange(part, field));
  return {
    values: new Set(ranges.flatMap(({ first, last, step }) => stepped(first, last, step))),
    star: ranges.some(({ star }) => star),
  };
}

function readRange(text: string, field: Field) {
  const { name, min, max } = field;
  const match = /^(?<range>\*|\?|(?<first>\w+)(?:-(?<last>\w+))?)(?:\/(?<step>\d+))?$/.exec(text);
  const groups = match?.groups;
  if (groups === undefined) {
    throw new Error(
      `its ${name} ${text} must be *, a value, a range such as 1-5, or one of these with a step, such as */5; write it so`,
    );
  }
  const step = groups["step"] === undefined ? 1 : Number(groups["step"]);
  if (step === 0) throw new Error(`the step of its ${name} ${text} must be 1 or more; write it so`);
  if (groups["first"] === undefined) return { first: min, last: max, step, star: step === 1 };
  const first = readValue(groups["first"], field);
  const open = groups["step"] === undefined ? first : max;
  const last = groups["last"] === undefined ? open : readValue(groups["last"], field);
  if (first > last) {
    throw new Error(`its ${name} ${text} must go upwards; write it as ${first}-${max},${min}-${last}`);
  }
  return { first, last, step, star: false };
}

function readValue(text: string, { name, min, max, names }: Field): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  const value = named >= 0 ? named + min : /^\d+$/.test(text) ? Number(text) : undefined;
  if (value !== undefined && value >= min && value <= max) return value;
  const sunday = name === weekday.name && value === 7 ? "; Sunday is 0" : "; set it to one of them";
  const words = names === undefined ? "" : ` or one of ${names.join(", ")}`;
  throw new Error(`its ${name} ${text} must be from ${min} to ${max}${words}${sunday}`);
}

function stepped(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
}

const sorted = (values: ReadonlySet<number>) => [...values].sort((a, b) => a - b);

const unitSeconds: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };

/** A Go duration of whole hours, minutes and seconds; what is smaller would be rounded up to a second. */
function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+)([hms])/g)];
  const seconds = parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (unitSeconds[unit] ?? 0), 0);
  if (parts.map(([part]) => part).join("") !== text || seconds < 1) {
    throw new Error("@every must have a duration of hours, minutes and seconds after it; write it as @every 1h30m");
  }
  return seconds;
}
