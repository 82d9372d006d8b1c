import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertRules, ruleProblems, shippedRules } from "../../components/monitoring/alert-rules.ts";
import { careRules } from "../../components/plan/control-plane/care.ts";
import { jobRules, maxAgeSeconds } from "../../components/plan/jobs/job-rules.ts";
import { scrapeRules } from "../../components/plan/monitoring/prometheus.ts";
import { ruleGroups } from "../../components/plan/monitoring/rule-files.ts";
import { volumeBackupTimes } from "../../components/plan/platform/volume-backup.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { parseConfig } from "../../config/parse.ts";
import { temporaryFolder } from "../engine/programs.ts";
import { stackSections } from "../stacks.ts";

const root = join(import.meta.dirname, "../..");
const promtool = binaryPath("prometheus", "promtool");
const times = { timeZone: "Etc/UTC", startingDeadlineSeconds: 200, activeDeadlineSeconds: 600 };
/** The jobs and backups that the tests beside this file are about. */
const configured = jobRules(
  "apps",
  { "run-api-job": { schedule: "*/1 * * * *", ...times }, nightly: { schedule: "@daily", ...times }, pi: times },
  [{ cronJob: "backup-shop-data", schedule: "17 2 * * *", timeZone: "Etc/UTC", ...volumeBackupTimes }],
);

/** What the tests take as configured of the monitoring itself. */
const scraped = scrapeRules({
  expectedSeries: 50_000,
  samplesPerTarget: 20_000,
  replicas: 2,
  alertmanagers: 2,
  expectedJobs:
    "alertmanager apiserver coredns etcd istiod kube-controller-manager kube-proxy kube-scheduler loki traefik".split(
      " ",
    ),
  balancerAddress: "192.0.2.200",
});

/** The care of etcd that the tests are about. */
const cared = careRules({
  mode: "kubeadm",
  etcd: {
    backup: { schedule: "17 * * * *", timeZone: "Etc/UTC", recipients: [], store: {}, keep: { last: 1, days: 1 } },
    maintenance: {
      enabled: true,
      schedule: "41 * * * *",
      timeZone: "Etc/UTC",
      quotaPercent: 80,
      freeMiB: 200,
      dryRun: false,
    },
    drill: { enabled: true, schedule: "47 3 * * *", timeZone: "Etc/UTC", memoryMiB: 1024 },
  },
});

interface RuleTests {
  readonly tests: {
    readonly alert_rule_test?: {
      readonly alertname: string;
      readonly exp_alerts: { readonly exp_labels: Readonly<Record<string, string>> }[];
    }[];
  }[];
}

const testFiles = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
const alerts = shippedRules()
  .files.flatMap(ruleGroups)
  .flatMap(({ rules }) => rules.flatMap((rule) => ("alert" in rule ? [rule] : [])));

describe("every alert", () => {
  const cases = testFiles.flatMap((file) => {
    const { tests } = parse(readFileSync(join(import.meta.dirname, file), "utf8")) as RuleTests;
    return tests.flatMap((test) => test.alert_rule_test ?? []);
  });

  // An alert that is a warning before it is critical is two rules.
  it.each(alerts.map(({ alert, labels }) => [alert, labels["severity"]] as const))(
    "%s of severity %s fires in one test and is quiet in another",
    (name, severity) => {
      const own = cases.filter(({ alertname }) => alertname === name);
      const fires = own.map(({ exp_alerts }) => exp_alerts.some((one) => one.exp_labels["severity"] === severity));
      expect(fires).toContain(true);
      expect(own.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
    },
  );

  it.each(alerts.map((alert) => [alert.alert, alert] as const))(
    "%s has a runbook that names it",
    (name, { annotations }) => {
      const page = join(root, annotations["runbook_url"] ?? "none");
      expect(existsSync(page), page).toBe(true);
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
  writeFileSync(join(folder, "tests", "configured-scrapes.yaml"), scraped);
  writeFileSync(join(folder, "tests", "configured-care.yaml"), cared);
  for (const file of testFiles) cpSync(join(import.meta.dirname, file), join(folder, "tests", `${file}.test.yaml`));
  return join(folder, "tests");
}

// Left out until the local run has built promtool: building it takes minutes, and unit tests take seconds.
describe.skipIf(!existsSync(promtool))("promtool", () => {
  const run = (args: readonly string[], cwd: string) =>
    execFileSync(promtool, args, { cwd, stdio: "pipe", encoding: "utf8" });

  it("accepts every rule, those made from the configuration among them", () => {
    const folder = folderOfRules();
    const files = [
      ...Object.keys(alertRules()).map((file) => `${file}.yaml`),
      "configured-jobs.yaml",
      "configured-scrapes.yaml",
      "configured-care.yaml",
    ];
    expect(run(["check", "rules", "--lint=all", "--lint-fatal", ...files], folder)).toMatch(/SUCCESS/);
  });

  it.each(testFiles)("finds each alert of %s firing and quiet as it should", (file) => {
    run(["test", "rules", `${file}.test.yaml`], folderOfRules());
  });
});

describe("what the configuration says of jobs", () => {
  const recorded = (text: string) =>
    ruleGroups({ file: "configured", text, shipped: true }).flatMap((group) => group.rules);

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

describe("the rule files of this project", () => {
  it("have nothing that is refused", () => {
    expect(ruleProblems()).toEqual([]);
  });

  it("are joined by the user's, which a pattern may name", () => {
    const rules = alertRules(["test/fixtures/rules/sh*.yaml"]);
    expect(rules["shop"]).toBe(readFileSync(join(root, "test/fixtures/rules/shop.yaml"), "utf8"));
    expect(Object.keys(rules)).toEqual([...Object.keys(alertRules()), "shop"]);
  });

  it("and those of the user are refused by key where a file is missing or has a name that is taken", () => {
    const own = [
      "rules/none.yaml",
      "test/fixtures/rules/jobs.yaml",
      "test/fixtures/rules/*",
      "test/fixtures/rules/shop.yaml",
    ];
    const key = "quorum:monitoring.prometheus.rules";
    expect(ruleProblems(own)).toEqual([
      {
        key: `${key}[0]`,
        text: 'is "rules/none.yaml", but the project has no such file; name one that is there, or leave it out',
      },
      {
        key: `${key}[1]`,
        text: "takes in test/fixtures/rules/jobs.yaml, but data/rules/jobs.yaml has that name already; rename it",
      },
      {
        key: `${key}[2]`,
        text: "takes in test/fixtures/rules/configured-shop.yaml, but names that begin with configured- are kept for this project; rename it",
      },
      {
        key: `${key}[2]`,
        text: "takes in test/fixtures/rules/jobs.yaml, but data/rules/jobs.yaml has that name already; rename it",
      },
      {
        key: `${key}[2]`,
        text: "takes in test/fixtures/rules/notes.txt, but a rule file ends in .yaml or .yml; rename it, or name the others only",
      },
    ]);
    expect(() => alertRules(own)).toThrow(/^the rules of this stack has 5 problems:\n {2}quorum:monitoring/);
  });

  it("are refused with the rest of a configuration, before anything is made of it", () => {
    const told = (prometheus: object) => {
      const sections = stackSections("dev");
      return () => parseConfig({ ...sections, monitoring: { ...sections["monitoring"], prometheus } });
    };
    const rules = ["test/fixtures/rules/none.yaml"];
    expect(told({ rules, replicas: 1 })).toThrow(
      'quorum:monitoring.prometheus.rules[0] is "test/fixtures/rules/none.yaml", but the project has no such file',
    );
    expect(told({ rules, enabled: false })).toThrow(
      "quorum:monitoring.prometheus.rules is a list, but this stack has no Prometheus to read the files",
    );
    expect(told({ rules: ["test/fixtures/rules/shop.yaml"] })).not.toThrow();
  });
});
