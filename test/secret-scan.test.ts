import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../local/run.ts";
import { binaryPath, ensurePart } from "../local/toolchain.ts";

const root = join(import.meta.dirname, "..");
const configFile = join(root, ".gitleaks.toml");
const work = mkdtempSync(join(tmpdir(), "quorum-secrets-"));

interface Finding {
  readonly RuleID: string;
  readonly File: string;
  readonly StartLine: number;
  readonly Secret: string;
  readonly Commit: string;
}

async function gitleaks(folder: string, config: string, ...args: string[]): Promise<Finding[]> {
  const report = join(work, "report.json");
  const common = ["--config", config, "--report-format", "json", "--report-path", report, "--exit-code", "0"];
  await run(binaryPath("gitleaks", "gitleaks"), [...args, ".", ...common, "--no-banner"], { cwd: folder });
  return JSON.parse(readFileSync(report, "utf8")) as Finding[];
}

/** Every commit that HEAD rests on; what a merge itself brings, too. */
const scanHistory = (repository: string, config = configFile) =>
  gitleaks(repository, config, "git", "--log-opts=--full-history --diff-merges=first-parent HEAD");

/** The files as they are now, those that are not committed yet among them; what Git ignores is never published. */
async function scanTree(
  repository: string,
  config = configFile,
  wanted: (file: string) => boolean = () => true,
): Promise<Finding[]> {
  const copy = mkdtempSync(join(work, "tree-"));
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const gone = new Set((await git(repository, "ls-files", "-z", "--deleted")).split("\0"));
  for (const file of (await git(repository, ...list)).split("\0")) {
    if (file === "" || gone.has(file) || !wanted(file)) continue;
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(repository, file), join(copy, file), { recursive: true });
  }
  return gitleaks(copy, config, "dir");
}

const git = (folder: string, ...args: string[]) => run("git", args, { cwd: folder });
/** Without the value: it must not get into a log. */
const places = (findings: readonly Finding[]) =>
  findings.map(({ RuleID, File, StartLine, Commit }) => `${RuleID} in ${File}:${StartLine} ${Commit}`.trim());

/** Whether a part of the history is missing, in Git's words; "none" outside of a repository, as in an archive of the files. */
const shallow = await git(root, "rev-parse", "--is-shallow-repository").then(
  (text) => text.trim(),
  () => "none",
);
const noFiles = shallow === "none";
// The workflow fetches all of it, and must fail where it did not.
const noHistory = shallow !== "false" && process.env["GITHUB_ACTIONS"] === undefined;
if (noFiles)
  console.log("the scans of this checkout are skipped: it is no Git repository, which says what is published");
else if (noHistory)
  console.log("the scan of the history is skipped: this clone has a part of it; git fetch --unshallow");

beforeAll(() => ensurePart("gitleaks", console.log), 600_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("this repository", () => {
  test.skipIf(noFiles)(
    "has no secret in its files",
    async () => {
      expect(places(await scanTree(root))).toEqual([]);
    },
    120_000,
  );

  test.skipIf(noHistory)(
    "has none in its history, all of which is here",
    async () => {
      expect(shallow, "the clone has a part of the history; git fetch --unshallow brings the rest").toBe("false");
      expect(places(await scanHistory(root))).toEqual([]);
    },
    120_000,
  );
});

/** Made here each time, so that no file has it. */
const planted = () => `aws_access_key_id = AKIA${"Q3ZNWYHT5K6LXP2B"}\n`;

describe("a planted secret is found", () => {
  const repository = join(work, "planted");
  const commit = async (message: string) => {
    await git(repository, "add", "--all");
    await git(repository, ...["-c", "user.name=t", "-c", "user.email=t@example.org"], "commit", "--message", message);
  };
  const found = [expect.objectContaining({ RuleID: "aws-access-token", File: "settings.ini" })];

  beforeAll(async () => {
    mkdirSync(repository);
    await git(repository, "init", "--initial-branch", "main");
    writeFileSync(join(repository, "README.md"), "a\n");
    await commit("without");
  });

  test("in a file that is not committed", async () => {
    expect(await scanTree(repository)).toEqual([]);
    writeFileSync(join(repository, "settings.ini"), planted());
    expect(await scanTree(repository)).toEqual(found);
  });

  test("in a commit, after it was taken away again", async () => {
    expect(await scanHistory(repository)).toEqual([]);
    await commit("with it");
    rmSync(join(repository, "settings.ini"));
    await commit("away");
    expect(await scanTree(repository)).toEqual([]);
    expect(await scanHistory(repository)).toEqual(found);
  });

  test("in a merge that none of its parents has it from", async () => {
    await git(repository, "checkout", "--quiet", "--orphan", "other");
    writeFileSync(join(repository, "README.md"), "b\n");
    await commit("other");
    const other = (await git(repository, "rev-parse", "HEAD")).trim();
    writeFileSync(join(repository, "settings.ini"), planted());
    await git(repository, "add", "--all");
    const tree = (await git(repository, "write-tree")).trim();
    const author = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    const second = (await git(repository, ...author, "commit-tree", `${other}^{tree}`, "-m", "second")).trim();
    const parents = ["-p", other, "-p", second];
    const merge = (await git(repository, ...author, "commit-tree", tree, ...parents, "-m", "merge")).trim();
    await git(repository, "reset", "--hard", "--quiet", merge);
    expect(await scanHistory(repository)).toEqual(found);
  });
});

test.skipIf(noFiles)(
  "each exception has its reason, one place, and lets something pass",
  async () => {
    const entries = readFileSync(configFile, "utf8")
      .split("[[allowlists]]")
      .slice(1)
      .map((text) => ({
        reason: /^description = "(.*)"$/m.exec(text)?.[1] ?? "",
        both: text.includes('condition = "AND"'),
        rules: [...(/^targetRules = \[(.*)\]$/m.exec(text)?.[1] ?? "").matchAll(/"([\w-]+)"/g)].map(([, rule]) => rule),
        path: new RegExp(/^paths = \['''(\^.+\$)'''\]$/m.exec(text)?.[1] ?? "^$"),
        values: [...(text.split("regexes = ")[1] ?? "").matchAll(/'''(.+?)'''/g)].map(
          ([, value = ""]) => new RegExp(value),
        ),
      }));
    const bare = join(work, "bare.toml");
    writeFileSync(bare, "[extend]\nuseDefault = true\n");
    const findings = await scanTree(root, bare, (file) => entries.some(({ path }) => path.test(file)));
    expect(entries.length).toBeGreaterThan(0);
    for (const { reason, both, rules, path, values } of entries) {
      expect(reason.length, String(path)).toBeGreaterThan(40);
      expect(both, reason).toBe(true);
      const inFile = findings.filter(({ File, RuleID }) => path.test(File) && rules.includes(RuleID));
      expect(new Set(inFile.map(({ RuleID }) => RuleID)), reason).toEqual(new Set(rules));
      for (const value of values)
        expect(
          inFile.some(({ Secret }) => value.test(Secret)),
          String(value),
        ).toBe(true);
    }
  },
  120_000,
);
