import type { Problem } from "../problems.ts";
import { imageNameProblem, type ImageSources } from "../images/image-names.ts";
import { scheduleProblem, timeZoneProblem } from "./schedule.ts";

/** What of a job its checks need. Shapes are taken as checked. */
export interface CheckedJob {
  readonly schedule?: string | undefined;
  readonly timeZone: string;
  readonly call?: string | undefined;
  readonly callTimeoutSeconds: number;
  readonly callRetries: number;
  readonly image?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly suspend: boolean;
  readonly activeDeadlineSeconds: number;
  readonly ttlSeconds?: number | undefined;
}

/** What of jobs only the raw configuration tells: which keys were given. */
export type GivenKeys = Readonly<Record<string, readonly string[]>>;

/** Keys that say something about a schedule, and nothing without one. */
const scheduleKeys = ["timeZone", "suspend", "startingDeadlineSeconds", "history"];
/** Keys that say something about a call, and nothing without one. */
const callKeys = ["callTimeoutSeconds", "callRetries"];
/** Keys that a call has no use for: what it runs is ours. */
const imageKeys = ["command", "env"];
/** Seconds that a job which runs once must stay, so that `up` sees how it ended. */
const leastTtlSeconds = 60;
/** Longest pause between two calls, in seconds. */
export const longestPauseSeconds = 30;

/** Everything that is wrong with jobs. That what they call exists is checked with the other connections. */
export function jobProblems(
  jobs: Readonly<Record<string, CheckedJob>>,
  given: GivenKeys,
  sources: ImageSources | undefined,
): Problem[] {
  return Object.entries(jobs).flatMap(([name, job]) => {
    const key = `quorum:jobs.${name}`;
    const keys = given[name] ?? [];
    return [
      ...kindProblems(key, job, keys),
      ...scheduleProblems(key, job, keys),
      ...deadlineProblems(key, job),
      ...(job.image === undefined || sources === undefined
        ? []
        : [imageNameProblem(`${key}.image`, job.image, sources) ?? []].flat()),
    ];
  });
}

function kindProblems(key: string, { call, image }: CheckedJob, given: readonly string[]): Problem[] {
  if (call !== undefined && image !== undefined) {
    return [{ key: `${key}.image`, text: `is "${image}", but call is set too; leave out one of them` }];
  }
  if (call === undefined && image === undefined) {
    return [{ key, text: "has neither call nor image, but must have one of them; set call or image" }];
  }
  const [unused, other] = call === undefined ? [callKeys, "call"] : [imageKeys, "image"];
  return unused
    .filter((name) => given.includes(name))
    .map((name) => ({ key: `${key}.${name}`, text: `is set, but means nothing without ${other}; leave it out` }));
}

function scheduleProblems(key: string, { schedule, timeZone }: CheckedJob, given: readonly string[]): Problem[] {
  if (schedule === undefined) {
    return scheduleKeys
      .filter((name) => given.includes(name))
      .map((name) => ({
        key: `${key}.${name}`,
        text: "is set, but means nothing to a job that runs once; set schedule or leave it out",
      }));
  }
  return scheduleTextProblems(`${key}.schedule`, schedule, `${key}.timeZone`, timeZone);
}

/** What is wrong with a schedule and its time zone, wherever they are set. */
export function scheduleTextProblems(
  scheduleKey: string,
  schedule: string,
  zoneKey: string,
  timeZone: string,
): Problem[] {
  const zone = timeZoneProblem(timeZone);
  if (zone !== undefined) return [{ key: zoneKey, text: `is "${timeZone}", but ${zone}` }];
  const problem = scheduleProblem(schedule, timeZone);
  return problem === undefined ? [] : [{ key: scheduleKey, text: `is "${schedule}", but ${problem}` }];
}

function deadlineProblems(key: string, job: CheckedJob): Problem[] {
  const problems: Problem[] = [];
  if (job.schedule === undefined && job.ttlSeconds !== undefined && job.ttlSeconds < leastTtlSeconds) {
    problems.push({
      key: `${key}.ttlSeconds`,
      text: `is ${job.ttlSeconds}, but a job that runs once must stay for ${leastTtlSeconds} or more, so that up sees how it ended; set it to that`,
    });
  }
  const longest = longestCallSeconds(job.callTimeoutSeconds, job.callRetries);
  if (job.call !== undefined && longest > job.activeDeadlineSeconds) {
    problems.push({
      key: `${key}.activeDeadlineSeconds`,
      text: `is ${job.activeDeadlineSeconds}, but a call with ${job.callRetries} retries of ${job.callTimeoutSeconds} s each and the pauses between them takes up to ${longest} s; set it to that or more, or lower callRetries or callTimeoutSeconds`,
    });
  }
  return problems;
}

/** Most seconds that a call takes with all that is tried again: pauses of 1 s, 2 s, 4 s and so on, up to the longest. */
export function longestCallSeconds(timeoutSeconds: number, retries: number): number {
  const pauses = Array.from({ length: retries }, (_, index) => Math.min(2 ** index, longestPauseSeconds));
  return timeoutSeconds * (retries + 1) + pauses.reduce((sum, pause) => sum + pause, 0);
}
