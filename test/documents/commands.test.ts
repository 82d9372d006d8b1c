import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProcess } from "../../engine/process.ts";
import { commandsOf, proofs, shownCommands } from "./commands.ts";

const root = join(import.meta.dirname, "../..");
const shown = shownCommands(root);

it("commands are read out of fences, without what is said of them", () => {
  const text = "```sh\n# a note\nnpm run a   # says why\nb |\n  c\n```\n```yaml\nno: command\n```\n";
  expect(commandsOf("x.md", text).map(({ line }) => line)).toEqual(["npm run a", "b | c"]);
});

describe.each([...new Set(shown.map(({ file }) => file))])("%s", (file) => {
  it.each(shown.filter((one) => one.file === file).map(({ line }) => line))("a test runs `%s`", (line) => {
    expect(
      proofs.some(({ command }) => command.test(line)),
      `no test is known to run it: name one in test/documents/commands.ts`,
    ).toBe(true);
  });
});

describe("what is said to run them", () => {
  it.each(proofs.map(({ command, by }) => [command.source, by] as const))("%s", (_, by) => {
    for (const [file, words] of Object.entries(by)) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(readFileSync(join(root, file), "utf8"), file).toMatch(words);
    }
  });

  it("is of a command that a document still shows", () => {
    for (const { command } of proofs)
      expect(
        shown.some(({ line }) => command.test(line)),
        command.source,
      ).toBe(true);
  });
});

describe("what needs no cluster runs as it is shown", () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "commands-"))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const words = (line: string) =>
    line
      .replace(/^npm run (\S+) --/, "$1")
      .replace(/--(out|bundle) \S+/, `--$1 ${join(folder, "out")}`)
      .split(" ");
  const cheap = [
    ...new Set(shown.map(({ line }) => line).filter((line) => /^npm run (render|plan) -- --stack prod/.test(line))),
  ];

  it.each(cheap)(
    "runs %s",
    async (line) => {
      rmSync(join(folder, "out"), { recursive: true, force: true });
      const ended = await runProcess(process.execPath, [join(root, "engine", "cli.ts"), ...words(line)], { cwd: root });
      expect(ended.stderr + ended.stdout).not.toMatch(/^quorum: /m);
      expect(ended.code).toBe(0);
      if (/--(out|bundle) /.test(line)) expect(readdirSync(join(folder, "out")).length).toBeGreaterThan(3);
    },
    60_000,
  );
});
