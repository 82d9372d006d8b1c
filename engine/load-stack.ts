import { type Config, parseConfig, parseValue } from "../config/parse.ts";
import { root, stateDir } from "../local/paths.ts";
import type { Workspace } from "./files.ts";
import { readStack, type StackOptions } from "./stack.ts";

/** This checkout. */
export const workspace: Workspace = { root, stateDir };

/**
 * A stack's checked configuration, for commands that do not run its program. Secrets are not read unless they are asked for:
 * placeholders stand for them.
 *
 * @throws naming every problem at once
 */
export function loadStack(stack: string, options: Omit<StackOptions, "stack"> = {}): Config {
  const { project, values, secretKeys } = readStack(workspace, { secrets: "placeholder", ...options, stack });
  const prefix = `${project}:`;
  const ours = Object.entries(values).filter(([key]) => key.startsWith(prefix));
  const raw = Object.fromEntries(ours.map(([key, value]) => [key.slice(prefix.length), parseValue(value)]));
  return parseConfig(raw, { secretSections: secretKeys.map((key) => key.slice(prefix.length)) });
}
