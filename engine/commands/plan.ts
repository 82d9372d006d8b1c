import { planControlPlane } from "../../components/plan/control-plane.ts";
import { formatPlan } from "../../components/plan/format-plan.ts";
import { loadStack } from "../load-stack.ts";
import { readOptions } from "../options.ts";
import { say } from "./common.ts";

/** `npm run plan`: what the stack's control plane is to be, and what each loss costs. */
export async function plan(argv: string[]): Promise<number> {
  const { stack, configFile, json } = readOptions("plan", argv, ["stack", "config-file", "json"]);
  const { controlPlane } = loadStack(stack, { configFile });
  if (controlPlane.mode === "existing") {
    say(
      json
        ? JSON.stringify({ mode: "existing", context: controlPlane.context })
        : `stack ${stack} uses the existing cluster of context "${controlPlane.context}": there is nothing to plan`,
    );
    return Promise.resolve(0);
  }
  const planned = planControlPlane(controlPlane);
  say(json ? JSON.stringify(planned, null, 2) : formatPlan(planned, "text").trimEnd());
  return Promise.resolve(0);
}
