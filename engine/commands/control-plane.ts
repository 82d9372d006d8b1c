import { balancerReferences } from "../../components/plan/control-plane/balancer.ts";
import { planControlPlane } from "../../components/plan/control-plane/control-plane.ts";
import { refuse } from "../../components/plan/problems.ts";
import { renewOperation } from "../../components/plan/control-plane/renew.ts";
import {
  isBeingLetIn,
  machinesOf,
  replaceOperation,
  replaceProblems,
} from "../../components/plan/control-plane/replace.ts";
import { ExitError } from "../errors.ts";
import { loadStack, workspace } from "../load-stack.ts";
import { type OptionName, readOptions } from "../options.ts";
import { askHosts, forgetHostKey } from "../run-operation.ts";
import { say } from "./common.ts";
import { carryOut, type OperationContext } from "./operation-context.ts";
import { recover } from "./recover.ts";
import { bringUp } from "./up.ts";
import { upgrade } from "./upgrade.ts";

interface Action {
  readonly usage: string;
  /** Words that must follow the operation's name. */
  readonly words: number;
  /** Options of its own. */
  readonly options?: readonly OptionName[];
  readonly run: (context: OperationContext, words: readonly string[]) => Promise<void>;
}

const actions: Readonly<Record<string, Action>> = {
  renew: { usage: "renew", words: 0, run: renew },
  replace: { usage: "replace HOST", words: 1, run: replace },
  recover: {
    usage: "recover [--from survivor|FILE] [--key FILE] [--dead HOST,…] | recover --member HOST",
    words: 0,
    options: ["from", "key", "dead", "member"],
    run: recover,
  },
  upgrade: { usage: "upgrade VERSION", words: 1, run: (context, [version = ""]) => upgrade(context, version) },
};

/** Operations on hosts that no `up` should do by itself. Each shows its steps first; `--show` ends there. */
export async function controlPlane([operation, ...rest]: string[]): Promise<number> {
  const names = Object.values(actions)
    .map(({ usage }) => usage)
    .join(", ");
  if (operation === undefined) throw new ExitError(`control-plane needs an operation: ${names}`, 2);
  const action = actions[operation];
  if (action === undefined)
    throw new ExitError(`"${operation}" is not an operation of control-plane; there are ${names}`, 2);
  const words = rest.slice(0, action.words);
  if (words.length < action.words || words.some((word) => word.startsWith("-")))
    throw new ExitError(`control-plane ${operation} is used so: npm run control-plane -- ${action.usage}`, 2);
  const common = ["stack", "config-file", "engine", "timeout", "show", "markdown"] as const;
  const allowed = [...common, ...(action.options ?? [])];
  const options = readOptions(`control-plane ${operation}`, rest.slice(action.words), allowed);
  const { controlPlane, images } = loadStack(options.stack, { configFile: options.configFile, secrets: "required" });
  if (controlPlane.mode === "existing")
    throw new ExitError(
      `stack ${options.stack} uses an existing cluster, whose control plane is not ours to change`,
      2,
    );
  const plan = planControlPlane(controlPlane);
  const settings = { workspace, controlPlane, log: say };
  const references = balancerReferences(controlPlane.balancer, images);
  const steps = { settings: controlPlane, plan, mirror: images.mirror, images: references };
  await action.run({ options, plan, settings, steps }, words);
  return 0;
}

async function renew(context: OperationContext): Promise<void> {
  if (await carryOut(renewOperation(context.plan), context))
    say("all certificates are new; run up, so that the stack takes over the administrator's new kubeconfig");
}

async function replace(context: OperationContext, [name = ""]: readonly string[]): Promise<void> {
  const { plan, settings, options } = context;
  refuse("the replacement", replaceProblems(plan, name));
  const host = machinesOf(plan).find((each) => each.name === name);
  if (host === undefined) return;
  const operation = replaceOperation(settings.controlPlane, plan, host);
  const [found] = options.show ? [] : await askHosts([name], settings);
  if (found !== undefined && isBeingLetIn(plan, host, found)) {
    say(`an earlier run has begun to let ${name} at ${host.address} in; up goes on with that`);
  } else if (await carryOut(operation, context)) {
    forgetHostKey(workspace, host.address);
    say(`${name} is out; up lets the new machine at ${host.address} in`);
  } else if (options.show) return;
  // A run that ended in the middle of `up` finds a member that answers, and nothing left to remove: the rest of `up` is missing.
  await bringUp(options, say);
}
