import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertRules, readRules } from "../../components/monitoring/alert-rules.ts";
import { jobRules, maxAgeSeconds } from "../../components/plan/jobs/job-rules.ts";
import { volumeBackupTimes } from "../../components/plan/platform/volume-backup.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { temporaryFolder } from "../engine/programs.ts";

const root = join(import.meta.dirname, "../..");
const promtool = binaryPath("prometheus", "promtool");
const times = { timeZone: "Etc/UTC", startingDeadlineSeconds: 200, activeDeadlineSeconds: 600 };
/** The jobs and backups that the tests beside this file are about. */
const configured = jobRules(
  "apps",
  { "run-api-job": { schedule: "*/1 * * * *", ...times }, nightly: { schedule: "@daily", ...times }, pi: times },
  [{ cronJob: "backup-shop-data", schedule: "17 2 * * *", timeZone: "Etc/UTC", ...volumeBackupTimes }],
);

interface RuleTests {
  readonly tests: { readonly alert_rule_test?: { readonly alertname: string; readonly exp_alerts: unknown[] }[] }[];
}

const testFiles = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
const rules = Object.entries(alertRules()).map(([file, text]) => [file, readRules(text, file)] as const);
const alerts = rules.flatMap(([, { groups }]) =>
  groups.flatMap((group) => group.rules.flatMap((rule) => ("alert" in rule ? [rule] : []))),
);

describe("every alert", () => {
  const cases = testFiles.flatMap((file) => {
    const { tests } = parse(readFileSync(join(import.meta.dirname, file), "utf8")) as RuleTests;
    return tests.flatMap((test) => test.alert_rule_test ?? []);
  });

  it.each(alerts.map((alert) => [alert.alert, alert] as const))(
    "%s fires in one test and is quiet in another",
    (name) => {
      const own = cases.filter(({ alertname }) => alertname === name);
      expect(own.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
      expect(own.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
    },
  );

  it.each(alerts.map((alert) => [alert.alert, alert] as const))(
    "%s has a runbook that names it",
    (name, { annotations }) => {
      const page = join(root, annotations.runbook_url);
      expect(existsSync(page), annotations.runbook_url).toBe(true);
      expect(readFileSync(page, "utf8")).toContain(name);
    },
  );
});

/** The rules as Prometheus gets them, and the tests, in one folder. */
function folderOfRules(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "tests"));
  for (const [file, text] of Object.entries(alertRules())) writeFileSync(join(folder, "tests", `${file}.yaml`), text);
  writeFileSync(join(folder, "tests", "configured-jobs.yaml"), configured);
  for (const file of testFiles) cpSync(join(import.meta.dirname, file), join(folder, "tests", `${file}.test.yaml`));
  return join(folder, "tests");
}

// Left out until the local run has built promtool: building it takes minutes, and unit tests take seconds.
describe.skipIf(!existsSync(promtool))("promtool", () => {
  const run = (args: readonly string[], cwd: string) =>
    execFileSync(promtool, args, { cwd, stdio: "pipe", encoding: "utf8" });

  it("accepts every rule, those made from the configuration among them", () => {
    const folder = folderOfRules();
    const files = [...Object.keys(alertRules()).map((file) => `${file}.yaml`), "configured-jobs.yaml"];
    expect(run(["check", "rules", "--lint=all", "--lint-fatal", ...files], folder)).toMatch(/SUCCESS/);
  });

  it.each(testFiles)("finds each alert of %s firing and quiet as it should", (file) => {
    run(["test", "rules", `${file}.test.yaml`], folderOfRules());
  });
});

describe("what the configuration says of jobs", () => {
  const recorded = (text: string) => readRules(text, "configured").groups.flatMap((group) => group.rules);

  it("is one series for each job, and one more for how old its success may get", () => {
    expect(recorded(configured)).toEqual([
      {
        record: "quorum:cronjob_info",
        expr: "vector(1)",
        labels: { namespace: "apps", cronjob: "run-api-job", kind: "job" },
      },
      {
        record: "quorum:cronjob_max_age_seconds",
        expr: "vector(860)",
        labels: { namespace: "apps", cronjob: "run-api-job", kind: "job" },
      },
      {
        record: "quorum:cronjob_info",
        expr: "vector(1)",
        labels: { namespace: "apps", cronjob: "nightly", kind: "job" },
      },
      {
        record: "quorum:cronjob_max_age_seconds",
        expr: "vector(87200)",
        labels: { namespace: "apps", cronjob: "nightly", kind: "job" },
      },
      {
        record: "quorum:cronjob_info",
        expr: "vector(1)",
        labels: { namespace: "apps", cronjob: "backup-shop-data", kind: "backup" },
      },
      {
        record: "quorum:cronjob_max_age_seconds",
        expr: "vector(133200)",
        labels: { namespace: "apps", cronjob: "backup-shop-data", kind: "backup" },
      },
      { record: "quorum:one_off_job_info", expr: "vector(1)", labels: { namespace: "apps", one_off_job: "pi" } },
    ]);
  });

  it("is a rule file even without any", () => {
    expect(recorded(jobRules("apps", {}, []))).toEqual([]);
  });

  it("gives a job its longest pause, its latest beginning and its longest run", () => {
    expect(maxAgeSeconds({ schedule: "0 6 * * 1-5", ...times })).toBe(3 * 86_400 + 200 + 600);
  });
});

describe("a rule file", () => {
  const alert = {
    alert: "A",
    expr: "up == 0",
    labels: { severity: "warning" },
    annotations: { summary: "s", description: "d", runbook_url: "docs/runbooks/a.md" },
  };
  const file = (rule: object) => JSON.stringify({ groups: [{ name: "g", rules: [rule] }] });

  it.each([
    ["no severity", { ...alert, labels: {} }],
    ["no runbook", { ...alert, annotations: { summary: "s", description: "d" } }],
    ["an unknown field", { ...alert, fore: "1m" }],
    ["no expression", { ...alert, expr: "" }],
  ])("with %s is refused by name", (_title, rule) => {
    expect(() => readRules(file(rule), "data/rules/a.yaml")).toThrow(/^data\/rules\/a.yaml is no rule file of ours/);
    expect(readRules(file(alert), "a").groups).toHaveLength(1);
  });
});
