import { rmSync } from "node:fs";
import { join } from "node:path";
import type { EngineChoice } from "./choose.ts";
import { type Log, openSession, stackOptions } from "./commands/common.ts";
import { kubeconfigFile } from "./direct/cluster-access.ts";
import { inventoryIdentity } from "./direct/inventory.ts";
import type { ClusterAccess, Kubectl } from "./direct/kubectl.ts";
import { LiveObjects } from "./direct/kubectl.ts";
import { identityOf, pulumiId } from "./direct/objects.ts";
import { evaluate, openCluster } from "./direct/session.ts";
import { writePrivate } from "./files.ts";
import { makeImportFile } from "./import-file.ts";
import { workspace } from "./load-stack.ts";
import type { Options } from "./options.ts";
import { lastLines, type ProcessOptions, type ProcessResult, runProcess } from "./process.ts";
import { type PulumiProject, preparePulumiProject } from "./pulumi-project.ts";
import { type PulumiState, readPulumiState } from "./pulumi-state.ts";

/** The Pulumi CLI on a stack that exists. */
export interface Pulumi {
  /** Brings the stack up; answers its outputs, secrets hidden. */
  up(): Promise<Readonly<Record<string, unknown>>>;
  preview(): Promise<void>;
  down(): Promise<void>;
}

/** As the direct engine does: what the program says of a field counts, whoever else has set it. */
const force = { PULUMI_K8S_ENABLE_PATCH_FORCE: "true" };
/** Objects that the direct engine made, and the import has missed, are taken as they are. */
const adopt = { PULUMI_K8S_UPSERT_EXISTING_OBJECTS: "true" };

/** Chooses the stack, or makes it, and gives it its configuration. */
export async function openPulumi(choice: EngineChoice, options: Options, log: Log): Promise<Pulumi> {
  const program = choice.pulumi ?? "pulumi";
  const project = preparePulumiProject(workspace, stackOptions(options));
  const run = (args: readonly string[], more: ProcessOptions = {}) =>
    runProcess(program, [...args, "--non-interactive"], {
      cwd: project.folder,
      ...more,
      env: { ...project.env, ...force, ...more.env },
    });
  const onStack = (args: readonly string[], more?: ProcessOptions) => run([...args, "--stack", options.stack], more);
  await chooseStack(run, onStack, options.stack, project);
  return {
    up: () => upWith(onStack, options, log),
    preview: async () =>
      expectSuccess("preview", await onStack(["preview", ...(options.json ? ["--json"] : [])], { inherit: true })),
    down: async () =>
      expectSuccess(
        "destroy",
        await onStack(["destroy", "--yes", "--skip-preview", "--exclude-protected"], { inherit: true }),
      ),
  };
}

type OnStack = (args: readonly string[], more?: ProcessOptions) => Promise<ProcessResult>;

async function chooseStack(
  run: OnStack,
  onStack: OnStack,
  stack: string,
  { secrets, ownBackend }: PulumiProject,
): Promise<void> {
  const made = await run(["stack", "init", stack, "--no-select"]);
  if (made.code !== 0 && !/already exists/i.test(made.stderr + made.stdout)) {
    const backend = ownBackend
      ? ""
      : "; pulumi whoami must work, or unset PULUMI_BACKEND_URL and log out to use a local state";
    throw new Error(`the Pulumi CLI cannot make stack ${stack}: ${lastLines(made.stderr, 3).join(" ")}${backend}`);
  }
  for (const { path, value } of secrets) {
    expectSuccess(`config set ${path}`, await onStack(["config", "set", "--secret", "--path", path], { input: value }));
  }
}

async function upWith(onStack: OnStack, options: Options, log: Log): Promise<Readonly<Record<string, unknown>>> {
  const state = await readState(onStack);
  const taken = await takeOver(onStack, state, options, log);
  const refresh = taken.inventory && !state.isEmpty ? ["--refresh"] : [];
  const up = await onStack(["up", "--yes", "--skip-preview", ...refresh], {
    inherit: true,
    env: taken.inventory ? adopt : {},
  });
  expectSuccess("up", up);
  const access = keepKubeconfig(await readState(onStack), options.stack);
  // From now on the CLI's state is the truth; an inventory left behind would tell the direct engine of another stack.
  if (taken.inventory && access !== undefined)
    await (await clusterOf(options, log, access)).remove([inventoryIdentity(options.stack)], options.timeoutSeconds);
  const outputs = await onStack(["stack", "output", "--json"]);
  expectSuccess("stack output", outputs);
  return JSON.parse(outputs.stdout) as Record<string, unknown>;
}

async function readState(onStack: OnStack): Promise<PulumiState> {
  const exported = await onStack(["stack", "export", "--show-secrets"]);
  expectSuccess("stack export", exported);
  return readPulumiState(exported.stdout);
}

/** Whether the direct engine was the last to change the stack; if so, an empty state is filled by an import. */
async function takeOver(
  onStack: OnStack,
  state: PulumiState,
  options: Options,
  log: Log,
): Promise<{ inventory: boolean }> {
  if (!state.isEmpty) {
    const access = keepKubeconfig(state, options.stack);
    if (access === undefined) return { inventory: false };
    const found = await (await clusterOf(options, log, access)).get([inventoryIdentity(options.stack)]).catch(() => []);
    if (found.length > 0) log("the direct engine changed the stack last: the state is refreshed from the cluster");
    return { inventory: found.length > 0 };
  }
  const session = await openSession(options, log);
  const { resources, objects, cluster } = await evaluate(session, "preview");
  if (cluster === undefined) return { inventory: false };
  const kubectl = await openCluster(session, cluster);
  const at = inventoryIdentity(options.stack);
  const live = new LiveObjects(
    await kubectl.get([at, ...objects.map(({ object }) => identityOf(object))]).catch(() => []),
  );
  if (live.find(at) === undefined) return { inventory: false };
  const present = objects.filter(({ object }) => live.find(identityOf(object)) !== undefined);
  const imported = present.map(({ urn, object }) => ({ urn, id: pulumiId(object) }));
  await importObjects(onStack, makeImportFile(resources, imported), options.stack, log);
  return { inventory: true };
}

async function importObjects(
  onStack: OnStack,
  file: ReturnType<typeof makeImportFile>,
  stack: string,
  log: Log,
): Promise<void> {
  const path = join(workspace.stateDir, `${stack}.import.json`);
  log(`the direct engine made this stack: ${file.resources.length} resources are imported into the Pulumi CLI's state`);
  writePrivate(path, `${JSON.stringify(file, null, 2)}\n`);
  try {
    const flags = ["--yes", "--skip-preview", "--protect=false", "--generate-code=false"];
    const result = await onStack(["import", "--file", path, ...flags]);
    if (result.code !== 0)
      log(`the import failed (${lastLines(result.stderr, 1).join("")}); up takes the objects over one by one instead`);
  } finally {
    // It holds the kubeconfig.
    rmSync(path, { force: true });
  }
}

function keepKubeconfig({ kubeconfig, context }: PulumiState, stack: string): ClusterAccess | undefined {
  if (kubeconfig === undefined) return context === undefined ? undefined : { context };
  if (!kubeconfig.includes("\n") && !kubeconfig.trimStart().startsWith("{")) return { kubeconfig, context };
  const file = kubeconfigFile(workspace, stack);
  writePrivate(file, kubeconfig);
  return { kubeconfig: file, context };
}

async function clusterOf(options: Options, log: Log, access: ClusterAccess): Promise<Kubectl> {
  return openCluster(await openSession(options, log), access);
}

function expectSuccess(what: string, { code, stderr }: ProcessResult): void {
  if (code === 0) return;
  const said = stderr === "" ? "its words are above" : lastLines(stderr, 5).join("\n");
  throw new Error(`pulumi ${what} ended with exit code ${code}: ${said}`);
}
