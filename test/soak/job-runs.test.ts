import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureImages } from "../../local/images.ts";
import { OwnStack, type Sections } from "../cluster/own-stack.ts";
import { type Ended, kubectl, list, quorum } from "../cluster/quorum.ts";

const stack = new OwnStack("jobs");
/** Far off, so that nothing runs but what the story runs. */
const schedule = "0 0 1 1 *";
const once = { image: "perl", command: ["perl", "-e", "print 6 * 7"], ttlSeconds: 3600 };
const jobs = {
  wake: { schedule, call: "metricsdemo/api/job/run/wakeUp" },
  astray: { schedule, call: "metricsdemo/nowhere", callRetries: 1, backoffLimit: 0 },
  paused: { schedule, call: "metricsdemo/api/job/run/wakeUp", suspend: true },
  once,
};

function sections(more: Record<string, unknown> = {}): Sections {
  const services = { metricsdemo: { image: "app", role: "web", replicas: 1, scrape: false } };
  return { services, jobs: { ...jobs, ...more }, images: { ...stack.images, digests: "allowed" } };
}

/** `npm run job`, which has no engine. */
async function job(...words: string[]): Promise<Ended> {
  return quorum(["job", ...words, ...stack.flags(sections()).slice(0, 4)]);
}

const onceJobs = () => list("jobs", stack.apps, "quorum.dev/job=once");
const jobOf = async () => (await onceJobs()).map(({ metadata }) => metadata.name);

beforeAll(async () => {
  await ensureImages(["node", "perl"], console.log);
  await stack.up(sections());
});

afterAll(() => stack.down());

describe("a job with a schedule", () => {
  it("is previewed with its next runs", async () => {
    const { stdout } = await stack.preview(sections());
    expect(stdout).toMatch(/^job wake \(0 0 1 1 \*\) runs next at (\d{4}-01-01 00:00(, )?){3} Etc\/UTC$/m);
    expect(stdout).toMatch(/^job paused \(0 0 1 1 \*\) is suspended$/m);
    expect(stdout).toMatch(/^0 to be created, 0 to be changed, 0 to be deleted/m);
  });

  it("is run at once by a command, which says what it said", async () => {
    const { code, stdout } = await job("run", "wake");
    expect(stdout).toMatch(/^GET http:\/\/metricsdemo:8080\/api\/job\/run\/wakeUp attempt 1 of 4: 200 after \d+ ms$/m);
    expect(stdout).toMatch(/^Job jobs-apps\/wake-run-\w+ succeeded$/m);
    expect(code).toBe(0);
  });

  it("fails when it is answered by anything but a 2xx, after its retries", async () => {
    const { code, stdout } = await job("run", "astray");
    expect(
      [...stdout.matchAll(/attempt (\d) of 2: (\d+) after/g)].map(([, attempt, status]) => [attempt, status]),
    ).toEqual([
      ["1", "404"],
      ["2", "404"],
    ]);
    expect(stdout).toMatch(/^Job jobs-apps\/astray-run-\w+ failed with exit code 1$/m);
    expect(code).toBe(1);
  });

  it("is listed with its next run and its last success", async () => {
    const { stdout } = await job("list");
    expect(stdout).toMatch(/^wake +0 0 1 1 \* Etc\/UTC +\d{4}-01-01 00:00 +\d{4}-\d\d-\d\d \d\d:\d\d$/m);
    expect(stdout).toMatch(/^astray .* never$/m);
    expect(stdout).toMatch(/^paused .* none +never +suspended$/m);
    expect(stdout).toMatch(/^once +once +none +\d{4}-.* succeeded$/m);
  });
});

describe("a job that runs once", () => {
  it("has run, and its output is in its log", async () => {
    expect(await kubectl(["logs", "-n", stack.apps, "-l", "quorum.dev/job=once"])).toBe("42");
  });

  it("is not run again when it has taken itself away", async () => {
    const [first = ""] = await jobOf();
    // As its TTL does, an hour from now.
    await kubectl(["delete", "job", first, "-n", stack.apps]);
    const { stdout } = await stack.up(sections());
    expect(stdout).toMatch(/^nothing to change/m);
    expect(await jobOf()).toEqual([]);
  });

  it("is run again when what it runs has changed", async () => {
    await stack.up(sections({ once: { ...once, command: ["perl", "-e", "print 43"] } }));
    expect(await kubectl(["logs", "-n", stack.apps, "-l", "quorum.dev/job=once"])).toBe("43");
  });

  it("that fails is told by up, until it is gone", async () => {
    const failing = { failing: { image: "perl", command: ["perl", "-e", "exit 3"], backoffLimit: 0 } };
    const changed = { once: { ...once, command: ["perl", "-e", "print 43"] } };
    const { code, stderr } = await stack.tryUp(sections({ ...changed, ...failing }));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /batch\/v1 Job jobs-apps\/failing-[0-9a-f]{10}: it failed: .*mend the cause and run up again/,
    );
    const { stdout } = await stack.up(sections(changed));
    expect(stdout).toMatch(/^- batch\/v1 Job jobs-apps\/failing-[0-9a-f]{10}$/m);
  });
});
