import { type ControlPlanePlan, planControlPlane } from "../../components/plan/control-plane/control-plane.ts";
import type { Operation } from "../../components/plan/control-plane/operation.ts";
import { refuse } from "../../components/plan/problems.ts";
import { renewOperation } from "../../components/plan/control-plane/renew.ts";
import { replaceOperation, replaceProblems } from "../../components/plan/control-plane/replace.ts";
import { ExitError } from "../errors.ts";
import { loadStack, workspace } from "../load-stack.ts";
import { type Options, readOptions } from "../options.ts";
import { describeOperation, forgetHostKey, type OperationSettings, runOperation } from "../run-operation.ts";
import { say } from "./common.ts";
import { bringUp } from "./up.ts";

interface Context {
  readonly options: Options;
  readonly plan: ControlPlanePlan;
  readonly settings: OperationSettings;
}

interface Action {
  readonly usage: string;
  /** Words that must follow the operation's name. */
  readonly words: number;
  readonly run: (context: Context, words: readonly string[]) => Promise<void>;
}

const actions: Readonly<Record<string, Action>> = {
  renew: { usage: "renew", words: 0, run: renew },
  replace: { usage: "replace HOST", words: 1, run: replace },
};

/** What is not there yet, and the way until then. */
const instead: Readonly<Record<string, string>> = {
  recover: "restore the last etcd snapshot by hand (etcdutl snapshot restore) on one host, then run up",
  upgrade: "run kubeadm upgrade plan and kubeadm upgrade apply on the hosts by hand, one at a time",
};

/** Operations on hosts that no `up` should do by itself. Each shows its steps first; `--show` ends there. */
export async function controlPlane([operation, ...rest]: string[]): Promise<number> {
  const names = [...Object.values(actions).map(({ usage }) => usage), ...Object.keys(instead)].join(", ");
  if (operation === undefined) throw new ExitError(`control-plane needs an operation: ${names}`, 2);
  const way = instead[operation];
  if (way !== undefined) throw new ExitError(`control-plane ${operation} is not there yet; until then, ${way}`, 2);
  const action = actions[operation];
  if (action === undefined)
    throw new ExitError(`"${operation}" is not an operation of control-plane; there are ${names}`, 2);
  const words = rest.slice(0, action.words);
  if (words.length < action.words || words.some((word) => word.startsWith("-")))
    throw new ExitError(`control-plane ${operation} is used so: npm run control-plane -- ${action.usage}`, 2);
  const allowed = ["stack", "config-file", "engine", "timeout", "show"] as const;
  const options = readOptions(`control-plane ${action.usage}`, rest.slice(action.words), allowed);
  const { controlPlane } = loadStack(options.stack, { configFile: options.configFile, secrets: "required" });
  if (controlPlane.mode === "existing")
    throw new ExitError(
      `stack ${options.stack} uses an existing cluster, whose control plane is not ours to change`,
      2,
    );
  const plan = planControlPlane(controlPlane);
  await action.run({ options, plan, settings: { workspace, controlPlane, log: say } }, words);
  return 0;
}

/** Shows an operation, and carries it out unless it was only to be shown. @returns whether to go on after it */
async function carryOut(operation: Operation, { options, settings }: Context): Promise<boolean> {
  for (const line of describeOperation(operation)) say(line);
  return !options.show && (await runOperation(operation, settings));
}

async function renew(context: Context): Promise<void> {
  if (await carryOut(renewOperation(context.plan), context))
    say("all certificates are new; run up, so that the stack takes over the administrator's new kubeconfig");
}

async function replace(context: Context, [name = ""]: readonly string[]): Promise<void> {
  const { plan, settings, options } = context;
  refuse("the replacement", replaceProblems(plan, name));
  const host = plan.hosts.find((each) => each.name === name);
  if (host === undefined || !(await carryOut(replaceOperation(settings.controlPlane, plan, host), context))) return;
  forgetHostKey(workspace, host.address);
  say(`${name} is out; up lets the new machine at ${host.address} in`);
  await bringUp(options, say);
}
