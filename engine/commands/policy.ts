import { policyMarkdown, policyText } from "../../policy/format.ts";
import { refusals } from "../../policy/check.ts";
import { loadStack } from "../load-stack.ts";
import { readOptions } from "../options.ts";
import { judgeRender, policyExitCode } from "../policy.ts";
import { say, sayAside } from "./common.ts";

/** `npm run policy`: what the rules say of a stack's render. Ends with 3 where a mandatory one is broken. */
export async function policy(argv: string[]): Promise<number> {
  const options = readOptions("policy", argv, ["stack", "config-file", "context", "json", "markdown"]);
  const { stack, configFile, context, json, markdown } = options;
  const config = loadStack(stack, { configFile, context });
  const report = await judgeRender(config, { stack, configFile, context }, sayAside);
  if (json) say(JSON.stringify(report, null, 2));
  else say(markdown ? policyMarkdown(report) : policyText(report));
  return refusals(report).length === 0 ? 0 : policyExitCode;
}
