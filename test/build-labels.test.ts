import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { buildLabels, sourceUrl } from "../stack/build-labels.ts";

const root = join(import.meta.dirname, "..");
const author = { GIT_AUTHOR_NAME: "t", GIT_AUTHOR_EMAIL: "t@example.org" };
const committer = { GIT_COMMITTER_NAME: "t", GIT_COMMITTER_EMAIL: "t@example.org" };

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quorum-labels-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function git(cwd: string, args: readonly string[], seconds = 0): string {
  const dates = { GIT_AUTHOR_DATE: `@${seconds} +0000`, GIT_COMMITTER_DATE: `@${seconds} +0200` };
  const env = { ...process.env, ...author, ...committer, ...dates };
  return execFileSync("git", args, { cwd, encoding: "utf8", env }).trim();
}

/** A commit of the app at 10:00:00 and a later one of something else. */
function repository() {
  const folder = temporaryFolder();
  git(folder, ["init", "--quiet", "--initial-branch", "main"]);
  mkdirSync(join(folder, "app"));
  const commit = (file: string, seconds: number) => {
    writeFileSync(join(folder, file), String(seconds));
    git(folder, ["add", "--all"]);
    git(folder, ["commit", "--quiet", "--message", file], seconds);
    return git(folder, ["rev-parse", "HEAD"]);
  };
  const revision = commit("app/main.ts", 1_800_000_000);
  commit("README.md", 1_800_000_060);
  git(folder, ["remote", "add", "origin", "git@example.org:team/quorum.git"]);
  return { folder, revision };
}

describe("what Git knows of a build", () => {
  test("is the last commit of its context, with that commit's time, and where the source is", () => {
    const { folder, revision } = repository();
    expect(buildLabels("app", folder)).toEqual({
      REVISION: revision,
      CREATED: "2027-01-15T08:00:00.000Z",
      SOURCE: "https://example.org/team/quorum",
    });
  });

  test("is marked where the context has changes that are not committed, and is not by changes elsewhere", () => {
    const elsewhere = repository();
    writeFileSync(join(elsewhere.folder, "other"), "1");
    expect(buildLabels("app", elsewhere.folder)["REVISION"]).toBe(elsewhere.revision);
    const { folder, revision } = repository();
    writeFileSync(join(folder, "app/new.ts"), "1");
    expect(buildLabels("app", folder)["REVISION"]).toBe(`${revision}-dirty`);
  });

  test("is nothing outside of a repository, and in a clone with a part of the history", () => {
    const outside = temporaryFolder();
    mkdirSync(join(outside, "app"));
    expect(buildLabels("app", outside)).toEqual({});
    const shallow = temporaryFolder();
    git(shallow, ["clone", "--quiet", "--depth", "1", pathToFileURL(repository().folder).href, "."]);
    expect(buildLabels("app", shallow)).toEqual({});
  });
});

test.each([
  ["https://example.org/team/quorum.git", "https://example.org/team/quorum"],
  ["https://somebody:t0ken@example.org/team/quorum", "https://example.org/team/quorum"],
  ["ssh://git@example.org:2222/team/quorum.git", "https://example.org/team/quorum"],
  ["git@example.org:team/quorum.git", "https://example.org/team/quorum"],
  ["/srv/quorum.git", undefined],
  ["file:///srv/quorum.git", undefined],
  ["C:\\quorum", undefined],
  ["", undefined],
])("the source of a clone of %s is %s", (remote, source) => {
  expect(sourceUrl(remote)).toBe(source);
});

test("the sample app's image takes each argument into its label, and has its package's version", () => {
  const dockerfile = readFileSync(join(root, "app/Dockerfile"), "utf8");
  const { version } = JSON.parse(readFileSync(join(root, "app/package.json"), "utf8")) as { version: string };
  const labels = Object.fromEntries(
    [...dockerfile.matchAll(/org\.opencontainers\.image\.([a-z.]+)="(.*?)"/g)].map(([, key = "", value]) => [
      key,
      value,
    ]),
  );
  expect(labels).toMatchObject({
    version,
    source: "${SOURCE}",
    revision: "${REVISION}",
    created: "${CREATED}",
    "base.name": "${BASE_NAME}",
    "base.digest": "${BASE_DIGEST}",
  });
  for (const argument of ["SOURCE", "REVISION", "CREATED", "BASE_NAME", "BASE_DIGEST"])
    expect(dockerfile).toContain(`ARG ${argument}=\n`);
});
