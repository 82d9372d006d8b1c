import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { balancerReferences } from "../../components/plan/control-plane/balancer.ts";
import { type ControlPlanePlan, planControlPlane } from "../../components/plan/control-plane/control-plane.ts";
import { formatChange, formatPlan } from "../../components/plan/control-plane/format-plan.ts";
import { planChange } from "../../components/plan/control-plane/plan-change.ts";
import { refuse } from "../../components/plan/problems.ts";
import { writeBundle } from "../bundle.ts";
import { formatExisting, reportExisting } from "../existing-report.ts";
import { loadStack, workspace } from "../load-stack.ts";
import { type Options, readOptions } from "../options.ts";
import { runProcess } from "../process.ts";
import { say } from "./common.ts";

/**
 * `npm run plan`: what the stack's control plane is to be, and what each loss costs. With `--base REV`, what changes from that
 * Git revision's plan, one etcd member at a time; `--dead HOST,…` names hosts that are lost already. With `--bundle DIR`, the
 * steps of the plan as a folder that somebody carries to hosts without SSH.
 */
export async function plan(argv: string[]): Promise<number> {
  const options = readOptions("plan", argv, ["stack", "config-file", "json", "markdown", "base", "dead", "bundle"]);
  const { stack, configFile, json, base, dead, bundle } = options;
  if (base === undefined && dead.length > 0)
    throw new Error("--dead means nothing without --base; give the revision whose plan the hosts were lost from");
  if (base !== undefined && bundle !== undefined)
    throw new Error("--bundle holds a whole plan and --base only compares two; leave one of them out");
  const { controlPlane, images } = loadStack(stack, { configFile });
  if (controlPlane.mode === "existing") {
    const { context } = controlPlane;
    if (bundle !== undefined)
      throw new Error(
        `stack ${stack} uses the existing cluster of context "${context}": there are no host steps to bundle`,
      );
    const found = await reportExisting(controlPlane);
    say(
      json
        ? JSON.stringify({ mode: "existing", context, found }, null, 2)
        : `stack ${stack} uses the existing cluster of context "${context}": nothing of it is planned or changed\n${formatExisting(found, options.markdown ? "markdown" : "text")}`,
    );
    return 0;
  }
  const planned = planControlPlane(controlPlane);
  const format = options.markdown ? "markdown" : "text";
  if (bundle !== undefined) {
    const references = balancerReferences(controlPlane.balancer, images);
    const context = { settings: controlPlane, plan: planned, mirror: images.mirror, images: references };
    const files = writeBundle(context, bundle);
    say(`${files.length} files in ${bundle}: its README.md says what to do on which host`);
    return 0;
  }
  if (base === undefined) {
    say(json ? JSON.stringify(planned, null, 2) : formatPlan(planned, format).trimEnd());
    return 0;
  }
  const before = await planAt(base, options);
  if (before === undefined) {
    say(`at ${base}, stack ${stack} had no control plane of its own: all of it is new`);
    return 0;
  }
  const change = planChange(before, planned, dead);
  refuse("the change of the control plane", change.problems);
  say(json ? JSON.stringify(change, null, 2) : formatChange(change, format).trimEnd());
  return 0;
}

/** The plan of the stack's file as a Git revision has it. */
async function planAt(base: string, options: Options): Promise<ControlPlanePlan | undefined> {
  const file = `Pulumi.${options.stack}.yaml`;
  const { code, stdout, stderr } = await runProcess("git", ["show", `${base}:./${file}`], { cwd: workspace.root });
  if (code !== 0) throw new Error(`--base is "${base}", but ${file} cannot be read there: ${stderr.trim()}`);
  const folder = mkdtempSync(join(tmpdir(), "quorum-plan-"));
  try {
    const copy = join(folder, file);
    writeFileSync(copy, stdout);
    const { controlPlane } = loadStack(options.stack, { configFile: copy });
    return controlPlane.mode === "existing" ? undefined : planControlPlane(controlPlane);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
