import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import { type Workspace, writePrivate } from "./files.ts";
import { readCliStack, refuseUnsetSecrets, type StackOptions, type StackSecret } from "./stack.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where and how the Pulumi CLI is run for a stack. */
export interface PulumiProject {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** To be set in the stack's configuration before anything else. */
  readonly secrets: readonly StackSecret[];
  /** The state lies in a file of ours rather than in the user's backend. */
  readonly ownBackend: boolean;
}

/**
 * With a backend of the user's own, the checkout is the project, as it is for `pulumi up` by hand. Without one, or where the
 * command line overrides the stack's file, the project is a folder of ours: the CLI writes into the stack's file, and must
 * not change the user's.
 *
 * @throws naming each secret that is not set yet where only the CLI can have it
 */
export function preparePulumiProject(
  workspace: Workspace,
  options: StackOptions,
  env: Environment = process.env,
): PulumiProject {
  const ownBackend = !hasBackend(workspace, env);
  const overridden =
    options.context !== undefined || options.configFile !== undefined || (options.unavailableImages ?? []).length > 0;
  const variables = ownBackend ? ownBackendVariables(workspace, env) : {};
  if (!ownBackend && !overridden) {
    refuseUnsetSecrets(workspace, options);
    return { folder: workspace.root, env: variables, secrets: [], ownBackend };
  }
  const folder = join(workspace.stateDir, "pulumi");
  const project = parse(readFileSync(join(workspace.root, "Pulumi.yaml"), "utf8")) as Record<string, unknown>;
  const main = join(workspace.root, typeof project["main"] === "string" ? project["main"] : "index.ts");
  writePrivate(join(folder, "Pulumi.yaml"), stringify({ ...project, main }));
  const { document, secrets } = readCliStack(workspace, options);
  const file = join(folder, `Pulumi.${options.stack}.yaml`);
  const before = existsSync(file) ? (parse(readFileSync(file, "utf8")) as Record<string, unknown>) : {};
  // The CLI made the salt when it made the stack; with another one it could not read its own secrets.
  const salt = before["encryptionsalt"];
  writePrivate(file, stringify({ ...(salt === undefined ? {} : { encryptionsalt: salt }), ...document }));
  return { folder, env: variables, secrets, ownBackend };
}

/** Whether the user has chosen where state lies: by the environment, by `pulumi login`, or in Pulumi.yaml. */
function hasBackend(workspace: Workspace, env: Environment): boolean {
  if (env["PULUMI_BACKEND_URL"] !== undefined || env["PULUMI_ACCESS_TOKEN"] !== undefined) return true;
  const project = parse(readFileSync(join(workspace.root, "Pulumi.yaml"), "utf8")) as { backend?: { url?: string } };
  if (project.backend?.url !== undefined) return true;
  const file = join(env["PULUMI_HOME"] ?? join(env["HOME"] ?? homedir(), ".pulumi"), "credentials.json");
  if (!existsSync(file)) return false;
  const { current } = JSON.parse(readFileSync(file, "utf8")) as { current?: string };
  return current !== undefined && current !== "";
}

function ownBackendVariables(workspace: Workspace, env: Environment): Record<string, string> {
  const state = join(workspace.stateDir, "state");
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const variables = { PULUMI_BACKEND_URL: pathToFileURL(state).href };
  if (env["PULUMI_CONFIG_PASSPHRASE"] !== undefined || env["PULUMI_CONFIG_PASSPHRASE_FILE"] !== undefined)
    return variables;
  const file = join(workspace.stateDir, "passphrase");
  if (!existsSync(file)) writePrivate(file, randomBytes(32).toString("base64url"));
  return { ...variables, PULUMI_CONFIG_PASSPHRASE_FILE: file };
}
