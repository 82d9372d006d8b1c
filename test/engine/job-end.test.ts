import { describe, expect, test } from "vitest";
import type { Kubectl } from "../../engine/direct/kubectl.ts";
import { waitForJob } from "../../engine/job-end.ts";
import { object } from "./objects.ts";

const name = "restore-data-shop-0";
const job = object("Job", name, { namespace: "apps" });
const failed = {
  type: "Failed",
  status: "True",
  reason: "DeadlineExceeded",
  message: "Job was active longer than specified deadline",
};

const event = (pod: string, reason: string, message: string, more: object = {}) => ({
  involvedObject: { kind: "Pod", name: pod },
  metadata: { creationTimestamp: "2026-11-23T06:00:00Z" },
  reason,
  message,
  ...more,
});

interface Answers {
  readonly condition?: object;
  readonly pods?: readonly object[];
  readonly log?: string;
  readonly events?: readonly object[];
}

function cluster({ condition = failed, pods = [], log, events = [] }: Answers): Kubectl {
  const call = ([verb, kind]: readonly string[]) => {
    if (verb === "logs") return log === undefined ? Promise.reject(new Error("no log")) : Promise.resolve(log);
    const answers: Record<string, unknown> = {
      job: { ...job, status: { conditions: [condition] } },
      pods: { items: pods },
      events: { items: events },
    };
    return Promise.resolve(JSON.stringify(answers[kind ?? ""]));
  };
  return { call } as unknown as Kubectl;
}

const end = (answers: Answers) => waitForJob(cluster(answers), job, { timeoutSeconds: 5 });

describe("a Job that failed without a word", () => {
  test("is told of by Kubernetes and by what was said last of its pods, which are gone", async () => {
    const room = "0/3 nodes are available: 3 Insufficient memory.";
    const events = [
      event(`${name}-x7`, "FailedScheduling", room, { series: { lastObservedTime: "2026-11-23T06:10:00Z" } }),
      event(`${name}-x7`, "FailedScheduling", "0/3 nodes are available: 1 node(s) were unschedulable."),
      event("restore-data-shop-1-q1", "FailedMount", "of another", { lastTimestamp: "2026-11-23T06:20:00Z" }),
    ];
    expect(await end({ events })).toEqual({
      succeeded: false,
      exitCode: undefined,
      lines: [
        "DeadlineExceeded: Job was active longer than specified deadline",
        `pod ${name}-x7: FailedScheduling: ${room}`,
      ],
    });
  });

  test("says where to look when nothing was said", async () => {
    expect((await end({})).lines).toEqual([
      "DeadlineExceeded: Job was active longer than specified deadline",
      "its pods left no word; kubectl describe job says more",
    ]);
  });
});

test("a Job whose pod wrote anything says that, and no more", async () => {
  const pods = [
    object("Pod", `${name}-x7`, { status: { containerStatuses: [{ state: { terminated: { exitCode: 3 } } }] } }),
  ];
  const events = [event(`${name}-x7`, "BackOff", "restarting")];
  expect(await end({ pods, log: "one\ntwo\n", events })).toEqual({
    succeeded: false,
    exitCode: 3,
    lines: ["one", "two"],
  });
});

test("a Job that succeeded without a word has no lines", async () => {
  const pods = [
    object("Pod", `${name}-x7`, { status: { containerStatuses: [{ state: { terminated: { exitCode: 0 } } }] } }),
  ];
  const complete = { type: "Complete", status: "True" };
  expect(await end({ condition: complete, pods, log: "" })).toEqual({ succeeded: true, exitCode: 0, lines: [] });
});
