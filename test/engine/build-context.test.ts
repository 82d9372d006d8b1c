import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { contextHash } from "../../engine/direct/context-hash.ts";
import { parseDockerIgnore } from "../../engine/direct/docker-ignore.ts";
import { failureOf, temporaryFolder } from "./programs.ts";

describe(".dockerignore", () => {
  test.each<[string, string, boolean]>([
    ["node_modules", "node_modules", true],
    ["node_modules", "node_modules/a/b.js", true],
    ["node_modules", "src/node_modules", false],
    ["**/node_modules", "src/deep/node_modules/x", true],
    ["**/node_modules", "node_modules", true],
    ["*.md", "README.md", true],
    ["*.md", "docs/README.md", false],
    ["**/*.md", "docs/README.md", true],
    ["docs/*.md\n!docs/keep.md", "docs/keep.md", false],
    ["docs\n!docs/keep.md", "docs/keep.md", false],
    ["!keep\nkeep", "keep", true],
    ["# a comment\n/abs/path/", "abs/path", true],
    ["a/../b", "b", true],
    ["te?t", "test", true],
    ["te?t", "te/t", false],
    ["[a-c]x", "bx", true],
    ["a\\*b", "a*b", true],
    ["a\\*b", "aab", false],
    ["a+b(c)", "a+b(c)", true],
    ["", "anything", false],
    [".", "anything", false],
  ])("%j leaves out %s: %s", (text, path, ignored) => expect(parseDockerIgnore(text).ignores(path)).toBe(ignored));

  test("a folder is skipped as a whole only when nothing in it could come back", () => {
    expect(parseDockerIgnore("dist").prunes("dist")).toBe(true);
    expect(parseDockerIgnore("dist\n!dist/keep").prunes("dist")).toBe(false);
  });
});

describe("the hash of a build", () => {
  function context(files: Readonly<Record<string, string>>): string {
    const folder = temporaryFolder();
    for (const [name, content] of Object.entries({ Dockerfile: "FROM scratch\n", ...files })) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return folder;
  }
  const hash = (folder: string, more: { args?: Record<string, string>; platform?: string; target?: string } = {}) =>
    contextHash({ context: folder, dockerfile: join(folder, "Dockerfile"), args: {}, ...more });

  test("is the same for the same files, wherever and whenever they were written", () => {
    const one = context({ "src/a.ts": "1", b: "2" });
    const other = context({ b: "2", "src/a.ts": "1" });
    utimesSync(join(other, "b"), 1, 1);
    expect(hash(other)).toBe(hash(one));
    expect(hash(one)).toMatch(/^[0-9a-f]{40}$/);
  });

  test.each<[string, (folder: string) => void]>([
    ["content", (folder) => writeFileSync(join(folder, "b"), "3")],
    ["a new file", (folder) => writeFileSync(join(folder, "c"), "")],
    ["an empty folder", (folder) => mkdirSync(join(folder, "empty"))],
    ["the executable bit", (folder) => chmodSync(join(folder, "b"), 0o755)],
    ["a link", (folder) => symlinkSync("b", join(folder, "link"))],
    ["the Dockerfile", (folder) => writeFileSync(join(folder, "Dockerfile"), "FROM other\n")],
  ])("changes with %s", (_what, edit) => {
    const folder = context({ b: "2" });
    const before = hash(folder);
    edit(folder);
    expect(hash(folder)).not.toBe(before);
  });

  test("changes with arguments, platform and target, and not with the order of arguments", () => {
    const folder = context({});
    const hashes = [
      hash(folder),
      hash(folder, { args: { A: "1" } }),
      hash(folder, { args: { A: "2" } }),
      hash(folder, { platform: "linux/arm64" }),
      hash(folder, { target: "test" }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hash(folder, { args: { A: "1", B: "2" } })).toBe(hash(folder, { args: { B: "2", A: "1" } }));
  });

  test("does not change with what .dockerignore leaves out", () => {
    const folder = context({ ".dockerignore": "node_modules\n*.log\n", "node_modules/x": "1" });
    const before = hash(folder);
    writeFileSync(join(folder, "node_modules/x"), "2");
    writeFileSync(join(folder, "a.log"), "2");
    expect(hash(folder)).toBe(before);
  });

  test("a missing context or Dockerfile is named", async () => {
    const folder = temporaryFolder();
    expect(await failureOf(() => hash(join(folder, "gone")))).toMatch(
      /build context .*gone does not exist; set images\.builds/,
    );
    expect(await failureOf(() => hash(folder))).toMatch(/Dockerfile does not exist; add it/);
  });
});
