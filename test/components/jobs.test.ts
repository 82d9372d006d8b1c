import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it, vi } from "vitest";
import { Jobs, type JobsArgs } from "../../components/jobs/jobs.ts";
import { callScript } from "../../components/jobs/job-template.ts";
import { jobSchema } from "../../config/schema/jobs.ts";
import { type Recording, record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

const wake = { schedule: "*/5 * * * *", timeZone: "Europe/Berlin", call: "web/wakeUp", history: { successful: 1 } };
const pi = { image: "perl", command: ["perl", "-e", "1"], ttlSeconds: 600, env: { A: "b" } };

interface More extends Partial<Omit<JobsArgs, "jobs">> {
  readonly preview?: boolean;
  readonly jobs?: Readonly<Record<string, Record<string, unknown>>>;
}

function make({ preview = false, jobs = { wake, pi }, ...more }: More = {}): Promise<Recording> {
  return record(
    () => {
      const web = new pulumi.ComponentResource("test:index:Web", "web");
      const parsed = Object.fromEntries(Object.entries(jobs).map(([name, job]) => [name, jobSchema.parse(job)]));
      new Jobs("jobs", {
        jobs: parsed,
        namespace: "apps",
        services: { web: { port: 8080 } },
        after: new Map([["web", web]]),
        image: (name) => `registry/${name}:1`,
        callImage: "registry/node:24",
        ...more,
      });
    },
    { preview },
  );
}

const cronSpec = async (more: More = {}) => (await make(more)).get("wake-cronjob").inputs["spec"] as any;
const onceOf = async (more: More = {}) => (await make(more)).get("pi-job").inputs as any;

describe("jobs", () => {
  it.each([true, false])("make the same objects (preview %s)", async (preview) => {
    const said = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const recording = await make({ preview });
    said.mockRestore();
    expect(recording.names().slice(2).sort()).toEqual([
      "kubernetes:batch/v1:CronJob::wake-cronjob",
      "kubernetes:batch/v1:Job::pi-job",
      "kubernetes:core/v1:ConfigMap::wake-call",
      "kubernetes:core/v1:ServiceAccount::pi-account",
      "kubernetes:core/v1:ServiceAccount::wake-account",
      "quorum:jobs:Jobs::jobs",
      "quorum:jobs:OneOffJob::pi",
      "quorum:jobs:ScheduledJob::wake",
    ]);
    expect(recording.get("wake-cronjob").parent).toBe(recording.get("wake", "ScheduledJob").urn);
    expect(recording.get("pi", "OneOffJob").parent).toBe(recording.get("jobs").urn);
  });

  it("begin when what they call is there", async () => {
    const recording = await make();
    expect(recording.get("wake-cronjob").dependencies.length).toBeGreaterThan(0);
  });

  it("have pods that Pod Security restricted admits, with an identity that may nothing", async () => {
    for (const { spec } of [(await cronSpec()).jobTemplate.spec.template, (await onceOf()).spec.template]) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        restartPolicy: "Never",
        securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: "RuntimeDefault" } },
      });
      expect(spec.containers[0].securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(spec.containers[0].resources.limits).toMatchObject({ memory: "128Mi", "ephemeral-storage": "256Mi" });
      expect(spec).not.toHaveProperty("priorityClassName");
    }
    expect((await make()).get("wake-account").inputs["automountServiceAccountToken"]).toBe(false);
    expect((await onceOf({ priorityClassName: "quorum-batch" })).spec.template.spec.priorityClassName).toBe(
      "quorum-batch",
    );
  });

  it("carry the labels by which the network and people tell them", async () => {
    const labels = { app: "wake", "quorum.dev/job": "wake" };
    const spec = await cronSpec();
    expect((await make()).get("wake-cronjob").inputs["metadata"]).toMatchObject({
      name: "wake",
      namespace: "apps",
      labels,
    });
    expect(spec.jobTemplate.metadata.labels).toEqual(labels);
    expect(spec.jobTemplate.spec.template.metadata.labels).toEqual(labels);
  });
});

describe("a job with a schedule", () => {
  it("never runs beside itself, begins in time or not at all, and ends in time", async () => {
    expect(await cronSpec()).toMatchObject({
      schedule: "*/5 * * * *",
      timeZone: "Europe/Berlin",
      concurrencyPolicy: "Forbid",
      suspend: false,
      startingDeadlineSeconds: 200,
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 3,
      jobTemplate: { spec: { backoffLimit: 3, activeDeadlineSeconds: 600 } },
    });
  });

  it("says what is set", async () => {
    const jobs = {
      wake: {
        ...wake,
        suspend: true,
        startingDeadlineSeconds: 30,
        activeDeadlineSeconds: 90,
        backoffLimit: 0,
        ttlSeconds: 5,
        history: { successful: 0, failed: 1 },
      },
    };
    expect(await cronSpec({ jobs })).toMatchObject({
      suspend: true,
      startingDeadlineSeconds: 30,
      successfulJobsHistoryLimit: 0,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: { backoffLimit: 0, activeDeadlineSeconds: 90, ttlSecondsAfterFinished: 5 } },
    });
  });

  it("calls by a program of ours, with Node", async () => {
    const recording = await make();
    expect(recording.get("wake-call").inputs["data"]).toEqual({ "call.mjs": callScript });
    const { containers, volumes } = (await cronSpec()).jobTemplate.spec.template.spec;
    expect(containers[0]).toMatchObject({
      image: "registry/node:24",
      command: ["node", "/etc/quorum-call/call.mjs"],
      volumeMounts: expect.arrayContaining([{ name: "call", mountPath: "/etc/quorum-call", readOnly: true }]),
    });
    expect(containers[0].env).toContainEqual({ name: "CALL_URL", value: "http://web:8080/wakeUp" });
    expect(volumes).toContainEqual({ name: "call", configMap: { name: "wake-call" } });
  });

  it("does not count a pod that a drain took away as failed", async () => {
    expect((await cronSpec()).jobTemplate.spec.podFailurePolicy.rules).toEqual([
      { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
    ]);
  });

  it.each([
    [
      {},
      /^info: \[runtime\] job wake \(\*\/5 \* \* \* \*\) runs next at (\d{4}-\d\d-\d\d \d\d:\d[05](, )?){3} Europe\/Berlin$/,
    ],
    [{ suspend: true }, /job wake \(\*\/5 \* \* \* \*\) is suspended$/],
    [{ schedule: "@every 90m" }, /job wake runs @every 90m from the run before$/],
  ])("says its next runs at preview, and only then: %j", async (more, line) => {
    const said = vi.spyOn(console, "log").mockImplementation(() => undefined);
    try {
      await make({ jobs: { wake: { ...wake, ...more } } });
      expect(said).not.toHaveBeenCalled();
      await make({ jobs: { wake: { ...wake, ...more } }, preview: true });
      expect(said).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(line));
    } finally {
      said.mockRestore();
    }
  });
});

describe("a job that runs once", () => {
  const nameOf = async (change: Record<string, unknown> = {}, more: More = {}) =>
    (await onceOf({ jobs: { pi: { ...pi, ...change } }, ...more })).metadata.name as string;

  it("runs what is set", async () => {
    const { spec, metadata } = await onceOf();
    expect(metadata.name).toMatch(/^pi-[0-9a-f]{10}$/);
    expect(spec).toMatchObject({ backoffLimit: 3, activeDeadlineSeconds: 600, ttlSecondsAfterFinished: 600 });
    expect(spec.template.spec.containers[0]).toMatchObject({
      image: "registry/perl:1",
      command: ["perl", "-e", "1"],
      env: [{ name: "A", value: "b" }],
    });
  });

  it.each([
    { command: ["perl", "-e", "2"] },
    { image: "python" },
    { env: { A: "c" } },
    { resources: { memoryMiB: 256 } },
  ])("has another name for another content: %j", async (change) =>
    expect(await nameOf(change)).not.toBe(await nameOf()),
  );

  it.each([{ ttlSeconds: 60 }, { activeDeadlineSeconds: 60 }, { backoffLimit: 0 }])(
    "keeps its name when only its bounds change: %j",
    async (change) => expect(await nameOf(change)).toBe(await nameOf()),
  );

  it("leaves alone what of a Job cannot be changed", async () => {
    expect((await make()).get("pi-job").ignoreChanges).toEqual(["spec.template", "spec.podFailurePolicy"]);
  });

  it("keeps a secret of its environment secret, and its name readable", async () => {
    const recording = await record(() => {
      const job = { ...jobSchema.parse(pi), env: { TOKEN: pulumi.secret("t") } };
      new Jobs("jobs", { jobs: { pi: job }, namespace: "apps", services: {}, image: (name) => name, callImage: "n" });
    });
    const job = recording.get("pi-job");
    expect(job.secretPaths.map((path) => path.join("."))).toEqual(["spec.template.spec.containers.0.env.0.value"]);
    expect((job.inputs["metadata"] as any).name).toMatch(/^pi-[0-9a-f]{10}$/);
  });
});
