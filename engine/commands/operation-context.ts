import type { ControlPlanePlan } from "../../components/plan/control-plane/control-plane.ts";
import { formatOperation } from "../../components/plan/control-plane/format-operation.ts";
import type { StepContext } from "../../components/plan/control-plane/host-steps.ts";
import type { Operation } from "../../components/plan/control-plane/operation.ts";
import type { Options } from "../options.ts";
import { type OperationSettings, runOperation } from "../run-operation.ts";
import { say } from "./common.ts";

/** What an operation on hosts is asked for, and what it is about. */
export interface OperationContext {
  readonly options: Options;
  readonly plan: ControlPlanePlan;
  readonly settings: OperationSettings;
  /** What the steps of `up` are made from. */
  readonly steps: StepContext;
}

/** Shows an operation, and carries it out unless it was only to be shown. @returns whether to go on after it */
export async function carryOut(operation: Operation, { options, settings }: OperationContext): Promise<boolean> {
  say(formatOperation(operation, options.markdown ? "markdown" : "text"));
  return !options.show && (await runOperation(operation, settings));
}
