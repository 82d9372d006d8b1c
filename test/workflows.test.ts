import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkSteps } from "../engine/check-steps.ts";
import { runProcess } from "../engine/process.ts";
import { findProgram } from "../local/packages.ts";
import { binaryPath, ensurePart } from "../local/toolchain.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, ".github/workflows");

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}
interface Concurrency {
  readonly group: string;
  readonly "cancel-in-progress": boolean;
}
interface Job {
  readonly if?: string;
  readonly needs?: string;
  readonly environment?: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly "timeout-minutes": number;
  readonly concurrency?: Concurrency;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: object;
  readonly concurrency: Concurrency;
  readonly jobs: Readonly<Record<string, Job>>;
}

const files = readdirSync(folder).sort();
const sources = new Map(files.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
const workflows = new Map([...sources].map(([name, text]) => [name, parse(text) as Workflow]));
const workflow = (name: string) => {
  const found = workflows.get(name);
  if (found === undefined) throw new Error(`${name} is no workflow`);
  return found;
};
const jobs = [...workflows].flatMap(([file, { jobs: all }]) =>
  Object.entries(all).map(([name, job]) => ({ place: `${file} ${name}`, job })),
);
const isPulumi = (command: string) => (step: Step) => step.with?.["command"] === command;

test("actionlint accepts every workflow", async () => {
  await ensurePart("actionlint", console.log);
  const shellcheck = findProgram("shellcheck");
  if (shellcheck === undefined)
    console.log("shellcheck is not installed: the scripts in the workflows are not checked by it");
  const flags = ["-no-color", "-pyflakes=", `-shellcheck=${shellcheck ?? ""}`];
  const { code, stdout, stderr } = await runProcess(
    binaryPath("actionlint", "actionlint"),
    [...flags, ...files.map((name) => join(folder, name))],
    { cwd: root },
  );
  expect(`${stdout}${stderr}`).toBe("");
  expect(code).toBe(0);
}, 300_000);

test("actionlint refuses a workflow with a fault, so it does look", async () => {
  await ensurePart("actionlint", console.log);
  const faulty = (sources.get("drift.yml") ?? "").replace("timeout-minutes", "timeout-minuets");
  const { code, stdout } = await runProcess(binaryPath("actionlint", "actionlint"), ["-no-color", "-"], {
    input: faulty,
  });
  expect(code).toBe(1);
  expect(stdout).toContain("timeout-minuets");
});

describe("the steps of `npm run check`", () => {
  test("are those of the workflow for pull requests, in the same order", () => {
    const steps = workflow("pull-request.yml").jobs["check"]?.steps ?? [];
    const ran = steps.filter(({ run }) => run !== undefined);
    expect(ran.map(({ run }) => run)).toEqual(checkSteps.map(({ name }) => `npm run check -- ${name}`));
    // One that fails hides no other.
    for (const step of ran) expect(step).toMatchObject({ if: "${{ !cancelled() }}" });
  });

  test("have the whole history, which the search for secrets reads", () => {
    for (const file of ["pull-request.yml", "deliver.yml"])
      expect(workflow(file).jobs["check"]?.steps[0]?.with, file).toMatchObject({ "fetch-depth": 0 });
  });

  test("are all run before a merge is delivered", () => {
    const { check, dev } = workflow("deliver.yml").jobs;
    expect(check?.steps.map(({ run }) => run)).toContain("npm run check");
    expect(dev?.needs).toBe("check");
  });
});

describe("every job", () => {
  test("has an end, says what it may do, and its workflow grants nothing", () => {
    for (const { place, job } of jobs) {
      expect(job["timeout-minutes"], place).toBeGreaterThan(0);
      expect(Object.keys(job.permissions).length, place).toBeGreaterThan(0);
      expect(
        Object.entries(job.permissions).filter(
          ([key, may]) => may === "write" && !["id-token", "pull-requests"].includes(key),
        ),
        place,
      ).toEqual([]);
    }
    for (const { permissions, concurrency } of workflows.values()) {
      expect(permissions).toEqual({});
      expect(concurrency.group).not.toBe("");
    }
  });

  test("takes actions by commit alone, one commit each, with the version beside it", () => {
    const pins = new Map<string, string>();
    for (const [name, text] of sources)
      for (const [line, action = "", commit = ""] of text.matchAll(/uses: (\S+?)@(.*)$/gm)) {
        expect(commit, `${name}: ${line}`).toMatch(/^[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
        expect(pins.get(action) ?? commit, `${name}: ${action}`).toBe(commit);
        pins.set(action, commit);
      }
    expect([...pins.keys()]).toContain("pulumi/actions");
  });

  test("puts no expression into a script, where its value would be run", () => {
    for (const { place, job } of jobs) for (const { run } of job.steps) expect(run ?? "", place).not.toContain("${{");
  });

  test("leaves no token in its checkout, and names scripts that are there and can be run", () => {
    for (const { place, job } of jobs)
      for (const { uses, run, with: given } of job.steps) {
        if (uses?.startsWith("actions/checkout@")) expect(given?.["persist-credentials"], place).toBe(false);
        for (const [script] of (run ?? "").matchAll(/\.github\/scripts\/[\w-]+\.sh/g))
          expect(statSync(join(root, script)).mode & 0o111, script).not.toBe(0);
      }
  });

  test("that lets Pulumi see an image's build has the whole history, which the image's labels are read from", () => {
    const seeing = jobs.filter(({ job }) =>
      job.steps.some((step) => isPulumi("up")(step) || isPulumi("preview")(step)),
    );
    expect(seeing.map(({ place }) => place)).toHaveLength(4);
    for (const { place, job } of seeing)
      expect(job.steps.find(({ uses }) => uses?.startsWith("actions/checkout@"))?.with, place).toMatchObject({
        "fetch-depth": 0,
      });
  });

  test("uses the releases of Node and Pulumi that package.json pins", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    for (const { place, job } of jobs)
      for (const { uses = "", with: given } of job.steps) {
        if (uses.startsWith("actions/setup-node@")) expect(given?.["node-version"], place).toBe(dependencies["node"]);
        if (uses.startsWith("pulumi/actions@"))
          expect(given?.["pulumi-version"], place).toBe(dependencies["@pulumi/pulumi"]);
      }
  });
});

describe("who may do what", () => {
  test("a pull request brings nothing up, and no lasting secret is in its reach", () => {
    expect(sources.get("pull-request.yml")).not.toMatch(/command: up|secrets\./);
    for (const [name, { on }] of workflows) expect(Object.keys(on), name).not.toContain("pull_request_target");
  });

  test("a fork's code runs where there is no credential; its preview job does not run", () => {
    const { check, diff, preview } = workflow("pull-request.yml").jobs;
    for (const job of [check, diff]) expect(job?.permissions).toEqual({ contents: "read" });
    expect(preview?.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
    expect(preview?.permissions).toEqual({ contents: "read", "id-token": "write", "pull-requests": "write" });
    const step = preview?.steps.find(isPulumi("preview"));
    expect(step?.with).toMatchObject({ diff: true, "comment-on-pr": true, policyPacks: "policy" });
  });

  test("what writes a fork's comment may write nothing, and what posts it has no code of the fork", () => {
    const { write, post } = workflow("pull-request-comment.yml").jobs;
    expect(Object.values(write?.permissions ?? {})).not.toContain("write");
    expect(post?.permissions).toEqual({ contents: "read", "pull-requests": "write" });
    expect(
      post?.steps.filter(({ uses }) => uses?.startsWith("actions/checkout@")).map((step) => step.with?.["ref"]),
    ).toEqual([undefined]);
    expect(post?.steps.map(({ with: given }) => given?.["name"])).toContain("comment");
  });

  test("superseded previews are cancelled, an up never is", () => {
    expect(workflow("pull-request.yml").concurrency["cancel-in-progress"]).toBe(true);
    expect(workflow("pull-request.yml").jobs["preview"]?.concurrency?.["cancel-in-progress"]).toBe(true);
    const ups = [...workflows].filter(([, { jobs: all }]) =>
      Object.values(all).some(({ steps }) => steps.some(isPulumi("up"))),
    );
    expect(ups.map(([name]) => name)).toEqual(["deliver.yml"]);
    for (const [, { concurrency, jobs: all }] of ups) {
      expect(concurrency["cancel-in-progress"]).toBe(false);
      for (const job of Object.values(all)) expect(job.concurrency?.["cancel-in-progress"] ?? false).toBe(false);
    }
  });

  test("prod gets the image that dev was given, after an approval", () => {
    const { dev, prod } = workflow("deliver.yml").jobs;
    expect(prod).toMatchObject({ needs: "dev", environment: "prod" });
    expect(dev?.environment).toBe("dev");
    const digest = prod?.steps.filter(({ env }) => env?.["DIGEST"] === "${{ needs.dev.outputs.digest }}") ?? [];
    expect(digest.map(({ run }) => run)).toEqual([
      '.github/scripts/use-digest.sh "$STACK" "$DIGEST"',
      'test "$(.github/scripts/running-digest.sh "$STACK")" = "digest=$DIGEST"',
    ]);
  });

  test("drift is looked for by a preview that refreshes and expects no change", () => {
    const step = workflow("drift.yml").jobs["drift"]?.steps.find(isPulumi("preview"));
    expect(step?.with).toMatchObject({ refresh: true, "expect-no-changes": true });
    expect(workflow("drift.yml").on).toHaveProperty("schedule");
  });
});
