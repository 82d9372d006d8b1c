import { rmSync } from "node:fs";
import { join } from "node:path";
import { kubeconfigFile } from "./direct/cluster-access.ts";
import { removeSystemNamespace } from "./direct/down.ts";
import { inventoryIdentity } from "./direct/inventory.ts";
import { type ClusterAccess, LiveObjects } from "./direct/kubectl.ts";
import { goesBack, readGoodStates } from "./direct/last-good.ts";
import { type DesiredObject, identityOf, type KubeObject, pulumiId, stackLabel } from "./direct/objects.ts";
import type { Registration } from "./direct/registration.ts";
import { restoreByReplace, waitOrGoBack } from "./direct/rollback.ts";
import { evaluate, openCluster, type Session } from "./direct/session.ts";
import { type Workspace, writePrivate } from "./files.ts";
import { type ImportFile, makeImportFile, withProgramInputs } from "./import-file.ts";
import { lastLines, type ProcessOptions, type ProcessResult, runProcess } from "./process.ts";
import { type PulumiProject, preparePulumiProject } from "./pulumi-project.ts";
import { type PulumiState, readPulumiState } from "./pulumi-state.ts";
import type { StackOptions } from "./stack.ts";
import { count } from "./words.ts";

/** The Pulumi CLI on a stack that exists. */
export interface Pulumi {
  /** Brings the stack up; answers its outputs, secrets hidden. */
  up(): Promise<Readonly<Record<string, unknown>>>;
  preview(json: boolean): Promise<void>;
  /** Takes away all that is not protected. */
  down(): Promise<void>;
}

export interface PulumiSettings {
  /** Path of the CLI. */
  readonly program: string;
  readonly workspace: Workspace;
  readonly stack: StackOptions;
  /** The direct engine on the same stack, asked only where one engine takes over from the other. */
  readonly session: () => Promise<Session>;
  readonly log: (line: string) => void;
  /** Set for the CLI and its providers. @default nothing */
  readonly env?: Readonly<Record<string, string>>;
}

type OnStack = (args: readonly string[], more?: ProcessOptions) => Promise<ProcessResult>;

/** Objects that the direct engine made, and an import has missed, are taken as they are. */
const adopt = { PULUMI_K8S_UPSERT_EXISTING_OBJECTS: "true" };

/** Chooses the stack, or makes it, and gives it its configuration. */
export async function openPulumi(settings: PulumiSettings): Promise<Pulumi> {
  const { program, workspace, stack } = settings;
  const project = preparePulumiProject(workspace, stack);
  const run: OnStack = (args, more = {}) => {
    const env = { ...project.env, ...settings.env, ...more.env };
    return runProcess(program, [...args, "--non-interactive"], { ...more, cwd: project.folder, env });
  };
  const onStack: OnStack = (args, more) => run([...args, "--stack", stack.stack], more);
  await chooseStack(run, onStack, stack.stack, project);
  const show = async (args: readonly string[]) => expectSuccess(args[0] ?? "", await onStack(args, { inherit: true }));
  return {
    up: () => upWith(onStack, settings),
    preview: (json) => show(["preview", ...(json ? ["--json"] : [])]),
    down: () => show(["destroy", "--yes", "--skip-preview", "--exclude-protected"]),
  };
}

async function chooseStack(run: OnStack, onStack: OnStack, stack: string, project: PulumiProject): Promise<void> {
  const made = await run(["stack", "init", stack, "--no-select"]);
  if (made.code !== 0 && !/already exists/i.test(made.stderr + made.stdout)) {
    const fix = project.ownBackend ? "" : "; pulumi whoami must work, or log out to use a local state";
    throw new Error(`the Pulumi CLI cannot make stack ${stack}: ${lastLines(made.stderr, 3).join(" ")}${fix}`);
  }
  for (const { path, value } of project.secrets) {
    expectSuccess(`config set ${path}`, await onStack(["config", "set", "--secret", "--path", path], { input: value }));
  }
}

async function upWith(onStack: OnStack, settings: PulumiSettings): Promise<Readonly<Record<string, unknown>>> {
  const state = await readState(onStack);
  const takesOver = state.isEmpty ? await importFromCluster(onStack, settings) : await hasInventory(state, settings);
  const refresh = (takesOver && !state.isEmpty) || state.isInterrupted ? ["--refresh"] : [];
  const goBack = await rememberGood(state, settings);
  const up = await onStack(["up", "--yes", "--skip-preview", ...refresh], {
    inherit: true,
    env: takesOver ? adopt : {},
  });
  // Asked after a success too: the provider takes a Deployment for ready whose number of pods changed with its template.
  const spoilt = await goBack();
  expectSuccess("up", up, spoilt);
  if (spoilt !== "") throw new Error(spoilt);
  const access = keepKubeconfig(await readState(onStack), settings);
  if (takesOver) {
    if (access !== undefined) await forgetInventory(access, settings);
    // The provider notes in the state that it took objects as they were; any preview without that would show a change.
    expectSuccess("up", await onStack(["up", "--yes", "--skip-preview"]));
  }
  const outputs = await onStack(["stack", "output", "--json"]);
  expectSuccess("stack output", outputs);
  return JSON.parse(outputs.stdout) as Record<string, unknown>;
}

async function readState(onStack: OnStack): Promise<PulumiState> {
  const exported = await onStack(["stack", "export", "--show-secrets"]);
  expectSuccess("stack export", exported);
  return readPulumiState(exported.stdout);
}

/** Whether the direct engine was the last to change a stack that the CLI knows: its inventory is there then. */
async function hasInventory(state: PulumiState, settings: PulumiSettings): Promise<boolean> {
  const access = keepKubeconfig(state, settings);
  if (access === undefined) return false;
  const kubectl = await openCluster(await settings.session(), access);
  // A cluster that cannot be reached now may be one that `up` itself mends.
  const found = await kubectl.get([inventoryIdentity(settings.stack.stack)]).catch(() => []);
  if (found.length > 0)
    settings.log("the direct engine changed the stack last: the state is refreshed from the cluster");
  return found.length > 0;
}

/**
 * Notes how the workloads that go back by themselves are before a run. What it answers brings those that the run has spoilt
 * back, and says so.
 */
async function rememberGood(state: PulumiState, settings: PulumiSettings): Promise<() => Promise<string>> {
  const access = state.isEmpty ? undefined : keepKubeconfig(state, settings);
  if (access === undefined) return () => Promise.resolve("");
  const session = await settings.session();
  const kubectl = await openCluster(session, access);
  const kinds = ["Deployment", "StatefulSet", "DaemonSet"].map((kind) => ({ apiVersion: "apps/v1", kind }));
  const ours = async () =>
    (await kubectl.listByLabel(kinds, `${stackLabel}=${settings.stack.stack}`)).filter((object) => goesBack(object));
  // A cluster that cannot be reached now may be one that `up` itself mends.
  const before = await readGoodStates(kubectl, await ours().catch(() => []));
  return async () => {
    const { timeoutSeconds, log } = session;
    const restore = restoreByReplace(kubectl);
    try {
      await waitOrGoBack(await ours(), { kubectl, log, timeoutSeconds, before, restore });
      return "";
    } catch (error) {
      if (!(error instanceof Error) || error.name === "Interrupted") throw error;
      return error.message;
    }
  };
}

/** From now on the CLI's state is the truth; an inventory left behind would tell the direct engine of another stack. */
async function forgetInventory(access: ClusterAccess, settings: PulumiSettings): Promise<void> {
  const session = await settings.session();
  const kubectl = await openCluster(session, access);
  await kubectl.remove([inventoryIdentity(settings.stack.stack)], session.timeoutSeconds);
  await removeSystemNamespace(kubectl, session.timeoutSeconds);
}

/**
 * Fills an empty state with what the direct engine made, or else with what the stack left there when it was taken away.
 * Answers whether the direct engine made it.
 */
async function importFromCluster(onStack: OnStack, settings: PulumiSettings): Promise<boolean> {
  const session = await settings.session();
  const { resources, objects, cluster } = await evaluate(session, "preview");
  if (cluster === undefined) return false;
  const kubectl = await openCluster(session, cluster);
  const inventory = inventoryIdentity(settings.stack.stack);
  const wanted = objects.map(({ object }) => identityOf(object));
  const live = new LiveObjects(await kubectl.get([inventory, ...wanted]).catch(() => []));
  const madeDirectly = live.find(inventory) !== undefined;
  const present = objects.filter((desired) => {
    const found = live.find(identityOf(desired.object));
    return found !== undefined && (madeDirectly || isLeftBehind(desired, found, settings.stack.stack));
  });
  if (!madeDirectly && present.length === 0) return false;
  const file = makeImportFile(
    resources,
    present.map(({ urn, object }) => ({ urn, id: pulumiId(object) })),
  );
  settings.log(
    madeDirectly
      ? `the direct engine made this stack: ${count(file.resources.length, "resource")} imported into the Pulumi CLI's state`
      : `the stack left ${count(present.length, "object")} in the cluster when it was taken away: imported into the Pulumi CLI's state`,
  );
  await importObjects(onStack, file, resources, settings);
  return madeDirectly;
}

/** Whether an object outlives its stack, and is the stack's: the provider refuses to make what is there already. */
function isLeftBehind({ protect, retain }: DesiredObject, { metadata }: KubeObject, stack: string): boolean {
  return (protect || retain) && metadata.labels?.[stackLabel] === stack;
}

async function importObjects(
  onStack: OnStack,
  file: ImportFile,
  resources: readonly Registration[],
  { workspace, stack, log }: PulumiSettings,
): Promise<void> {
  const path = join(workspace.stateDir, `${stack.stack}.import.json`);
  writePrivate(path, `${JSON.stringify(file, null, 2)}\n`);
  try {
    const flags = ["--yes", "--skip-preview", "--protect=false", "--generate-code=false"];
    const result = await onStack(["import", "--file", path, ...flags]);
    if (result.code !== 0) {
      log(`the import failed (${lastLines(result.stderr, 1).join("")}); up takes the objects over one by one instead`);
      return;
    }
    const exported = await onStack(["stack", "export"]);
    expectSuccess("stack export", exported);
    writePrivate(path, JSON.stringify(withProgramInputs(exported.stdout, resources)));
    expectSuccess("stack import", await onStack(["stack", "import", "--file", path]));
  } finally {
    // It holds the kubeconfig.
    rmSync(path, { force: true });
  }
}

/** For people, and for the local load balancer: where the direct engine would keep it too. */
function keepKubeconfig(
  { kubeconfig, context }: PulumiState,
  { workspace, stack }: PulumiSettings,
): ClusterAccess | undefined {
  if (kubeconfig === undefined) return context === undefined ? undefined : { context };
  if (!kubeconfig.includes("\n") && !kubeconfig.trimStart().startsWith("{")) return { kubeconfig, context };
  const file = kubeconfigFile(workspace, stack.stack);
  writePrivate(file, kubeconfig);
  return { kubeconfig: file, context };
}

function expectSuccess(what: string, { code, stderr }: ProcessResult, more = ""): void {
  if (code === 0) return;
  const said = stderr === "" ? "its words are above" : lastLines(stderr, 5).join("\n");
  throw new Error(`pulumi ${what} ended with exit code ${code}: ${said}${more === "" ? "" : `\n${more}`}`);
}
