import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diff } from "../../engine/commands/diff.ts";
import { runProcess } from "../../engine/process.ts";
import { renderCheckout, withRevision } from "../../engine/rendered-diff/base.ts";
import { readRendered } from "../../engine/rendered-diff/rendered.ts";
import { failureOf, temporaryFolder } from "./programs.ts";

const root = join(import.meta.dirname, "../..");
const quorum = (...args: string[]) =>
  runProcess(process.execPath, [join(root, "engine/cli.ts"), ...args], { cwd: root });
const leftOver = () => readdirSync(tmpdir()).filter((name) => name.startsWith("quorum-diff-"));

/** A repository with one commit of the given files. */
function repository(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd: folder });
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "first");
  return folder;
}

/** Stands in for the launcher of another commit: notes what it is asked, and renders one object of that commit. */
const launcher = `import { mkdirSync, writeFileSync, existsSync } from "node:fs";
const out = process.argv[process.argv.indexOf("--out") + 1];
mkdirSync(out, { recursive: true });
writeFileSync(out + "/.quorum-render", JSON.stringify({ stack: "dev", files: ["1.yaml"] }));
writeFileSync(out + "/1.yaml", "apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: " + (existsSync("node_modules/mark") ? "shared" : "own") + "\\n");
`;

describe("the base", () => {
  test("is rendered by its own code in a folder that is gone afterwards", async () => {
    const folder = repository({ "package.json": '{"type":"module"}', "engine/launch.js": launcher });
    writeFileSync(join(folder, "engine/launch.js"), "process.exit(9)");
    const out = join(temporaryFolder(), "out");
    let place = "";
    await withRevision(folder, "HEAD", async (checkout) => {
      place = checkout.folder;
      expect(checkout.commit).toMatch(/^[0-9a-f]{40}$/);
      await renderCheckout(checkout, { root: folder, stack: "dev", out, log: () => undefined });
    });
    expect(existsSync(place)).toBe(false);
    expect([...readRendered(out, "--base").objects.keys()]).toEqual(["/ConfigMap||own"]);
    expect(
      execFileSync("git", ["worktree", "list"], { cwd: folder, encoding: "utf8" }).trim().split("\n"),
    ).toHaveLength(1);
  });

  test("shares this checkout's packages only where both lock files and what is installed are the same", async () => {
    const lock = '{"lockfileVersion":3}';
    const folder = repository({
      "package.json": '{"type":"module"}',
      "package-lock.json": lock,
      "engine/launch.js": launcher,
      ".gitignore": "node_modules",
    });
    mkdirSync(join(folder, "node_modules"));
    writeFileSync(join(folder, "node_modules/mark"), "");
    const nameWith = async (stamp: string) => {
      writeFileSync(join(folder, "node_modules/.quorum-lock"), stamp);
      const out = join(temporaryFolder(), "out");
      await withRevision(folder, "HEAD", (checkout) =>
        renderCheckout(checkout, { root: folder, stack: "dev", out, log: () => undefined }),
      );
      return [...readRendered(out, "--base").objects.keys()][0];
    };
    const { createHash } = await import("node:crypto");
    expect(await nameWith(createHash("sha256").update(lock).digest("hex"))).toBe("/ConfigMap||shared");
    expect(await nameWith("another")).toBe("/ConfigMap||own");
    // Taking the copy away leaves the packages that it only pointed at.
    expect(existsSync(join(folder, "node_modules/mark"))).toBe(true);
  });

  test.each([
    [
      "does not render",
      { "engine/launch.js": 'console.error("quorum: it is broken"); process.exit(1)' },
      /^stack dev does not render as of [0-9a-f]{10}, so there is nothing to compare with; .*It said:\n {2}quorum: it is broken$/s,
    ],
    ["has no render", { "a.txt": "" }, /^--base is [0-9a-f]{10}, but that commit has no `npm run render`/],
  ])("that %s is one clear error, and leaves nothing", async (_, files, message) => {
    const folder = repository(files);
    const before = leftOver();
    const render = () =>
      withRevision(folder, "HEAD", (checkout) =>
        renderCheckout(checkout, { root: folder, stack: "dev", out: join(folder, "out"), log: () => undefined }),
      );
    expect(await failureOf(render)).toMatch(message);
    expect(leftOver()).toEqual(before);
  });

  test.each(["nowhere", "--output=x", "HEAD^9"])("%j that is no commit is refused by name", async (revision) => {
    const folder = repository({ "a.txt": "" });
    expect(await failureOf(() => withRevision(folder, revision, async () => undefined))).toContain(
      `--base is "${revision}", but it must be a commit of this repository`,
    );
  });
});

describe("npm run diff", () => {
  test("shows an edit of prod's file against a render of before; --exit-code tells whether there is one", async () => {
    const folder = temporaryFolder();
    const [base, edited] = [join(folder, "base"), join(folder, "Pulumi.prod.yaml")];
    expect((await quorum("render", "--stack", "prod", "--out", base)).code).toBe(0);
    const text = readFileSync(join(root, "Pulumi.prod.yaml"), "utf8");
    writeFileSync(
      edited,
      text
        .replace("replicas: 3\n      port: 80", "replicas: 4\n      port: 80")
        .replace("storageGiB: 50", "storageGiB: 60"),
    );
    const shown = await quorum("diff", "--stack", "prod", "--base-dir", base, "--config-file", edited, "--exit-code");
    expect(shown.stderr).not.toContain("defect");
    expect(shown.code).toBe(2);
    expect(shown.stdout).toContain("### Data loss (1)");
    expect(shown.stdout).toContain("± `StatefulSet monitoring/prometheus`: volumeClaimTemplates");
    expect(shown.stdout).toContain("- ~ `Deployment apps/metricsdemo`\n  - `spec.replicas: 3 → 4`");
    expect(shown.stdout).toContain("The control plane and what images are built from are not compared");
    const out = join(folder, "same.md");
    const same = await quorum("diff", "--stack", "prod", "--base-dir", base, "--exit-code", "--out", out);
    expect([same.code, same.stdout]).toEqual([0, ""]);
    expect(readFileSync(out, "utf8")).toContain("## Stack `prod`: no object changes");
    // A fork's render is compared as data.
    const head = await quorum(
      "diff",
      "--stack",
      "prod",
      "--base-dir",
      base,
      "--head-dir",
      base,
      "--config-file",
      edited,
    );
    expect(head.stdout).toContain("no object changes");
  }, 240_000);

  test("of a stack that the base lacks says that all of it is new", async () => {
    const folder = temporaryFolder();
    const edited = join(folder, "Pulumi.fresh.yaml");
    cpSync(join(root, "Pulumi.prod.yaml"), edited);
    const shown = await quorum("diff", "--stack", "fresh", "--base", "HEAD", "--config-file", edited);
    expect(shown.stdout).toMatch(/## Stack `fresh`: \d+ added/);
    expect(shown.stdout).toContain("The stack is new: HEAD has no Pulumi.fresh.yaml");
    expect(shown.stdout).toContain("**Control plane**: is new: quorum 2, tolerates the loss of 1");
    expect(shown.stdout.length).toBeLessThanOrEqual(65_536);
  }, 240_000);

  test.each<[string[], RegExp]>([
    [[], /diff needs --base REV, the revision to compare with, or --base-dir DIR/],
    [
      ["--base", "no-such-revision"],
      /^--base is "no-such-revision", but it must be a commit of this repository[^\n]*$/,
    ],
    [
      ["--base-dir", "/nonexistent"],
      /--base-dir is "\/nonexistent", but it must be a folder that `npm run render` has written/,
    ],
    [["--base", "HEAD", "--head-dir", "x"], /--head-dir has manifests alone; give the stack's file/],
  ])("%j is refused", async (args, message) => {
    expect(await failureOf(() => diff(["--stack", "prod", ...args]))).toMatch(message);
  });

  test("a link in a folder of somebody else's is not followed", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, ".quorum-render"), "{}");
    symlinkSync("/etc/hostname", join(folder, "1.yaml"));
    expect(readRendered(folder, "--head-dir").objects.size).toBe(0);
  });
});
