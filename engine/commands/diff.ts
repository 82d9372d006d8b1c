import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../config/parse.ts";
import { loadStack, workspace } from "../load-stack.ts";
import { type Options, readOptions } from "../options.ts";
import { runProcess } from "../process.ts";
import { type Checkout, renderCheckout, withRevision } from "../rendered-diff/base.ts";
import { buildFacts } from "../rendered-diff/build-facts.ts";
import { compareRenders } from "../rendered-diff/compare.ts";
import { controlPlaneReport } from "../rendered-diff/control-plane-report.ts";
import { type ControlPlaneReport, diffMarkdown } from "../rendered-diff/markdown.ts";
import { emptyRender, readRendered, type Rendered } from "../rendered-diff/rendered.ts";
import { alertFacts, imageFacts, policyFacts, routeFacts } from "../rendered-diff/topics.ts";
import { readStack } from "../stack.ts";
import { say, sayAside } from "./common.ts";

/** The exit code of --exit-code where there is a difference; 1 is every command's code for a failure. */
const differs = 2;

/**
 * `npm run diff`: what a stack's rendered objects change by since a Git revision, as Markdown for a pull request. Needs no
 * cluster, no Docker and no credentials, and shows no secret. Exit codes: 0 when the two were compared, 1 when they could not
 * be; with --exit-code, 2 where there is a difference.
 */
export async function diff(argv: string[]): Promise<number> {
  const options = readOptions("diff", argv, [
    "stack",
    "config-file",
    "base",
    "base-dir",
    "head-dir",
    "out",
    "exit-code",
  ]);
  const { base, baseDir, headDir } = options;
  if (base === undefined && baseDir === undefined)
    throw new Error("diff needs --base REV, the revision to compare with, or --base-dir DIR, a render of it");
  if (headDir !== undefined && options.configFile === undefined)
    throw new Error("--head-dir has manifests alone; give the stack's file of that render too, by --config-file");
  const config = loadStack(options.stack, { configFile: options.configFile });
  return withFolder(async (folder) => {
    const before = await readBase(options, config, folder);
    const head =
      headDir === undefined ? await renderHead(options, join(folder, "head")) : readRendered(headDir, "--head-dir");
    const changes = compareRenders(before.render, head);
    const images = [...before.builds, ...imageFacts(before.render, head)];
    const report = {
      stack: options.stack,
      base: before.name,
      head: headDir === undefined ? await headName() : `the render in ${headDir}`,
      changes,
      images,
      routes: routeFacts(before.render, head),
      policies: policyFacts(changes),
      alerts: alertFacts(before.render, head),
      controlPlane: before.controlPlane,
      notes: before.notes,
    };
    const text = diffMarkdown(report);
    if (options.out === undefined) say(text.trimEnd());
    else writeFileSync(options.out, text);
    const same = changes.length === 0 && images.length === 0 && before.controlPlane.summary === undefined;
    return options.exitCode === true && !same ? differs : 0;
  });
}

interface Base {
  readonly name: string;
  readonly render: Rendered;
  readonly controlPlane: ControlPlaneReport;
  readonly builds: ReturnType<typeof buildFacts>;
  readonly notes: readonly string[];
}

async function readBase(options: Options, head: Config, folder: string): Promise<Base> {
  const { base, baseDir, stack } = options;
  const prepared = baseDir === undefined ? undefined : readRendered(baseDir, "--base-dir");
  if (base === undefined)
    return {
      name: `the render in ${baseDir ?? ""}`,
      render: prepared ?? emptyRender,
      controlPlane: { summary: undefined, problems: [] },
      builds: [],
      notes: [
        "The control plane and what images are built from are not compared: --base-dir holds manifests alone; give --base too.",
      ],
    };
  return withRevision(workspace.root, base, async (checkout) => {
    const name = `${base} (${checkout.commit.slice(0, 10)})`;
    const file = join(checkout.folder, `Pulumi.${stack}.yaml`);
    if (!existsSync(file)) {
      const notes = [`The stack is new: ${base} has no Pulumi.${stack}.yaml.`];
      return { name, render: emptyRender, controlPlane: controlPlaneReport(undefined, head), builds: [], notes };
    }
    const out = join(folder, "base");
    if (prepared === undefined) await renderCheckout(checkout, { root: workspace.root, stack, out, log: sayAside });
    const render = prepared ?? readRendered(out, "--base");
    return { name, render, ...settingsOf(checkout, file, head, options) };
  });
}

/** What the two stack files say that no manifest shows. */
function settingsOf(
  checkout: Checkout,
  file: string,
  head: Config,
  options: Options,
): Pick<Base, "controlPlane" | "builds" | "notes"> {
  const roots = { base: checkout.folder, head: options.headDir === undefined ? workspace.root : undefined };
  let before: Config;
  try {
    before = loadStack(options.stack, { configFile: file });
  } catch (error) {
    // The base was rendered by its own code; this checkout's may ask more of a stack's file.
    const why = (error as Error).message.split("\n")[0] ?? "";
    const notes = [
      `The control plane is not compared: the stack's file as of the base does not fit today's schema (${why}).`,
    ];
    return { controlPlane: { summary: undefined, problems: [] }, builds: [], notes };
  }
  const builds = buildFacts(before.images.builds, head.images.builds, roots);
  return { controlPlane: controlPlaneReport(before, head), builds, notes: [] };
}

async function renderHead({ stack, configFile }: Options, out: string): Promise<Rendered> {
  const { render } = await import("../direct/render.ts");
  const config = readStack(workspace, { stack, configFile, secrets: "placeholder" });
  await render({ config, program: join(workspace.root, "index.ts"), log: sayAside }, out);
  return readRendered(out, "head");
}

/** The commit that is checked out, and whether files differ from it. */
async function headName(): Promise<string> {
  const ask = async (...args: string[]) => (await runProcess("git", args, { cwd: workspace.root })).stdout.trim();
  const commit = await ask("rev-parse", "--short=10", "HEAD");
  const edited = await ask("status", "--porcelain", "--untracked-files=no");
  return edited === "" ? commit : `${commit} with changes that are not committed`;
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "quorum-diff-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
