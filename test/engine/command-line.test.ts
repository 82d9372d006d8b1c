import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chooseEngine, describeEngine } from "../../engine/choose.ts";
import { describeFailure, ExitError, exitCodeOf, Interrupted } from "../../engine/errors.ts";
import { type OptionName, readOptions } from "../../engine/options.ts";
import { failureOf, temporaryFolder } from "./programs.ts";

const all: OptionName[] = ["stack", "config-file", "context", "engine", "out", "json", "timeout"];

describe("options", () => {
  test("are read, with their defaults", () => {
    expect(readOptions("up", [], all)).toEqual({
      stack: "dev",
      configFile: undefined,
      context: undefined,
      engine: undefined,
      out: undefined,
      json: false,
      markdown: false,
      show: false,
      base: undefined,
      dead: [],
      timeoutSeconds: 300,
    });
    expect(readOptions("up", ["--stack", "prod", "--engine=cli", "--json", "--timeout", "7"], all)).toMatchObject({
      stack: "prod",
      engine: "cli",
      json: true,
      timeoutSeconds: 7,
    });
  });

  test.each<[string[], OptionName[], RegExp]>([
    [["--stak", "x"], ["stack"], /^--stak is not an option; up takes --stack$/],
    [["--json"], ["stack"], /^--json means nothing to up; up takes --stack$/],
    [["prod"], ["stack"], /^"prod" is not an option; up takes --stack$/],
    [["--stack"], ["stack"], /--stack.*argument missing; up takes --stack$/],
    [["--stack", ""], all, /--stack is empty/],
    [["--engine", "docker"], all, /--engine is "docker", but it must be direct or cli/],
    [["--timeout", "soon"], all, /--timeout is "soon", but it must be a whole number of seconds/],
    [["--timeout", "0"], all, /--timeout is "0"/],
  ])("%j is refused", async (argv, allowed, message) => {
    expect(await failureOf(() => readOptions("up", argv, allowed))).toMatch(message);
  });
});

describe("the choice of engine", () => {
  const surroundings = (env: Record<string, string>) => ({ env, platform: "linux" as const });

  function withProgram(folder: string): string {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pulumi"), "");
    return folder;
  }

  test("is the CLI where one is on the PATH", () => {
    const folder = withProgram(temporaryFolder());
    const choice = chooseEngine(undefined, surroundings({ PATH: `/nowhere:${folder}`, PULUMI_HOME: "/nowhere" }));
    expect(choice).toMatchObject({ engine: "cli", pulumi: join(folder, "pulumi") });
    expect(describeEngine(choice)).toBe(`engine: Pulumi CLI (found: ${join(folder, "pulumi")})`);
  });

  test("looks into PULUMI_HOME too, the newest version first", () => {
    const home = temporaryFolder();
    withProgram(join(home, "versions", "3.99.0", "bin"));
    withProgram(join(home, "versions", "3.270.0", "bin"));
    const choice = chooseEngine("cli", surroundings({ PATH: "", PULUMI_HOME: home }));
    expect(choice.pulumi).toBe(join(home, "versions", "3.270.0", "bin", "pulumi"));
  });

  test("takes no program of an npm package for the CLI", () => {
    const folder = withProgram(join(temporaryFolder(), "node_modules", ".bin"));
    expect(chooseEngine(undefined, surroundings({ PATH: folder, PULUMI_HOME: "/nowhere" })).engine).toBe("direct");
  });

  test("is the direct engine otherwise, or when asked for, and says why", async () => {
    const none = surroundings({ PATH: "/nowhere", PULUMI_HOME: "/none" });
    expect(describeEngine(chooseEngine(undefined, none))).toBe(
      "engine: direct (the Pulumi CLI is neither on the PATH nor in /none/versions)",
    );
    const folder = withProgram(temporaryFolder());
    expect(chooseEngine("direct", surroundings({ PATH: folder }))).toEqual({
      engine: "direct",
      reason: "asked for by --engine",
    });
    expect(await failureOf(() => chooseEngine("cli", none))).toMatch(
      /--engine is cli, but the Pulumi CLI is neither.*use --engine direct/,
    );
  });
});

describe("failures", () => {
  test("say their message and keep their trace for QUORUM_DEBUG", () => {
    const error = new Error("the key is wrong; set it right");
    expect(describeFailure(error, false)).toBe("the key is wrong; set it right");
    expect(describeFailure(error, true)).toMatch(/\n\s+at /);
    expect(describeFailure(new TypeError("x is undefined"), false)).toMatch(/x is undefined \(a defect in quorum/);
  });

  test("have an exit code", () => {
    expect([new Error("x"), new ExitError("x", 2), new Interrupted()].map(exitCodeOf)).toEqual([1, 2, 130]);
  });
});

describe("the command line", () => {
  const cli = join(import.meta.dirname, "../../engine/cli.ts");
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [cli, ...args], { encoding: "utf8", env: { ...process.env, QUORUM_DEBUG: "" } });

  test.each([
    [[], 1, /^quorum: no command is given; there are:\n {2}start/],
    [["deploy"], 1, /^quorum: "deploy" is not a command; there are:/],
    [
      ["up", "--stak", "x"],
      1,
      /^quorum: --stak is not an option; up takes --stack, --config-file, --context, --engine, --timeout\n$/,
    ],
    [["render"], 1, /^quorum: render needs --out DIR/],
    [["lint", "--fix"], 1, /^quorum: "--fix" means nothing to lint/],
    [
      ["control-plane", "upgrade", "1.38"],
      1,
      /^quorum: the upgrade has 1 problem:\n {2}VERSION is "1\.38", but it must be a full version such as 1\.37\.2; give one\n$/,
    ],
    [
      ["control-plane", "replace"],
      2,
      /^quorum: control-plane replace is used so: npm run control-plane -- replace HOST\n$/,
    ],
    [
      ["control-plane", "explode"],
      2,
      /^quorum: "explode" is not an operation of control-plane; there are renew, replace HOST, recover .*, upgrade VERSION\n$/,
    ],
  ])("%j ends with one message", (args, code, message) => {
    const ended = run(...args);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
    expect(ended.stdout).toBe("");
    expect(ended.status).toBe(code);
  });
});
