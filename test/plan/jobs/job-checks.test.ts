import { describe, expect, it } from "vitest";
import { jobProblems, longestCallSeconds } from "../../../components/plan/jobs/job-checks.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { parseConfig } from "../../../config/parse.ts";
import { jobSchema } from "../../../config/schema/jobs.ts";
import { stackSections } from "../../stacks.ts";

const sources = {
  builds: ["app"],
  catalog: { perl: { image: "docker.io/library/perl", tag: "5" } },
  registry: "registry.example.com",
  trusted: ["registry.example.com", "docker.io"],
  digests: "allowed" as const,
};

/** What is said of one job. */
function problemsOf(job: Record<string, unknown>): string[] {
  const found = jobProblems({ j: jobSchema.parse(job) }, { j: Object.keys(job) }, sources);
  return found.map(formatProblem).map((line) => line.replace("quorum:jobs.j", "j"));
}

describe("a job is accepted", () => {
  it.each<Record<string, unknown>>([
    { schedule: "*/1 * * * *", call: "metricsdemo/api/job/run/wakeUp" },
    { schedule: "@every 90m", timeZone: "Europe/Berlin", image: "app" },
    { image: "perl", command: ["perl", "-e", "1"], ttlSeconds: 60, env: { A: "b" } },
    { call: "metricsdemo/", callRetries: 0, callTimeoutSeconds: 600 },
    { schedule: "0 0 29 2 *", image: "docker.io/library/perl:5", ttlSeconds: 0, history: { successful: 0 } },
  ])("%j", (job) => expect(problemsOf(job)).toEqual([]));
});

describe("a job is refused", () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ["with nothing to run", {}, ["j has neither call nor image, but must have one of them; set call or image"]],
    [
      "with two things to run",
      { call: "a/b", image: "app" },
      ['j.image is "app", but call is set too; leave out one of them'],
    ],
    [
      "with a command for a call",
      { call: "a/b", command: ["x"], env: {} },
      [
        "j.command is set, but means nothing without image; leave it out",
        "j.env is set, but means nothing without image; leave it out",
      ],
    ],
    [
      "with retries of no call",
      { image: "app", callRetries: 3 },
      ["j.callRetries is set, but means nothing without call; leave it out"],
    ],
    [
      "with what only a schedule has",
      { image: "app", suspend: false, timeZone: "Etc/UTC", history: {}, startingDeadlineSeconds: 20 },
      ["timeZone", "suspend", "startingDeadlineSeconds", "history"].map(
        (key) => `j.${key} is set, but means nothing to a job that runs once; set schedule or leave it out`,
      ),
    ],
    [
      "with a schedule that is none",
      { image: "app", schedule: "61 * * * *" },
      ['j.schedule is "61 * * * *", but its minute 61 must be from 0 to 59; set it to one of them'],
    ],
    [
      "with a schedule that never comes",
      { image: "app", schedule: "0 0 30 2 *" },
      ['j.schedule is "0 0 30 2 *", but no such day comes, so it would never run; set days that its months have'],
    ],
    [
      "with a time zone that is none",
      { image: "app", schedule: "@daily", timeZone: "europe/berlin" },
      ['j.timeZone is "europe/berlin", but its case counts; set it to Europe/Berlin'],
    ],
    [
      "that runs once and is gone before anybody sees how it ended",
      { image: "app", ttlSeconds: 0 },
      [
        "j.ttlSeconds is 0, but a job that runs once must stay for 60 or more, so that up sees how it ended; set it to that",
      ],
    ],
    [
      "whose calls take longer than it may",
      { call: "a/b", callTimeoutSeconds: 300, activeDeadlineSeconds: 600 },
      [
        "j.activeDeadlineSeconds is 600, but a call with 3 retries of 300 s each and the pauses between them takes up to 1207 s; set it to that or more, or lower callRetries or callTimeoutSeconds",
      ],
    ],
  ])("%s", (_title, job, expected) => expect(problemsOf(job)).toEqual(expected));

  it("with an image that nobody knows", () => {
    expect(problemsOf({ image: "perk" })).toEqual([
      expect.stringMatching(/^j.image is "perk", but it must be one of quorum:images.builds \(app\)/),
    ]);
  });
});

it("counts the pauses between calls, which grow up to half a minute", () => {
  expect(longestCallSeconds(10, 0)).toBe(10);
  expect(longestCallSeconds(10, 3)).toBe(47);
  expect(longestCallSeconds(1, 10)).toBe(11 + 1 + 2 + 4 + 8 + 16 + 5 * 30);
});

describe("in a configuration", () => {
  const parse = (jobs: object, images: object = {}) => {
    const sections = stackSections("dev");
    return parseConfig({ ...sections, jobs, images: { ...(sections["images"] as object), ...images } });
  };

  it("problems are told by the job's key, with those of its calls and its name", () => {
    const jobs = {
      a: { schedule: "0 0 30 2 *", call: "nobody/x" },
      metricsdemo: { image: "perl", suspend: true },
    };
    for (const key of [
      "a.schedule is",
      "a.call is",
      "metricsdemo.suspend is",
      "metricsdemo is a name that is not allowed",
    ])
      expect(() => parse(jobs)).toThrow(`quorum:jobs.${key}`);
  });

  it("a job whose image cannot be had here is left out, and said to be", () => {
    const { jobs, skipped } = parse({ pi: { image: "perl" }, own: { image: "app" } }, { unavailable: ["perl"] });
    expect(Object.keys(jobs)).toEqual(["own"]);
    expect(skipped).toEqual([{ name: "job pi", reason: "image perl is unavailable here" }]);
  });
});
