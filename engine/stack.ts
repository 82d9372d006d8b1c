import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { parse, YAMLParseError } from "yaml";
import type { Workspace } from "./files.ts";

/** A stack's configuration in the form that the Pulumi SDK takes. */
export interface StackConfig {
  readonly project: string;
  readonly stack: string;
  /** Every value as text; maps and lists as JSON. */
  readonly values: Readonly<Record<string, string>>;
  /** Keys of `values` that hold a secret. */
  readonly secretKeys: readonly string[];
}

export interface StackOptions {
  readonly stack: string;
  /** Read instead of Pulumi.<stack>.yaml. */
  readonly configFile?: string | undefined;
  /** Replaces quorum:controlPlane by an existing cluster's kubeconfig context. */
  readonly context?: string | undefined;
  /** Whether the local registry runs here. Without it a stack of local hosts that goes to another context has no mirror. @default true */
  readonly localRegistryRuns?: boolean | undefined;
  /** Third-party images that this site cannot provide, besides those that the stack names. */
  readonly unavailableImages?: readonly string[] | undefined;
  /** `placeholder` puts `unset:<key>` where a secret belongs, and reads none. @default required */
  readonly secrets?: "required" | "placeholder" | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Reads Pulumi.yaml and the stack's file. @throws naming the file, and every secret that is missing */
export function readStack(workspace: Workspace, options: StackOptions): StackConfig {
  const project = readProject(workspace);
  const raw = applyOverrides(readStackValues(workspace, project.name, options), project.name, options);
  const secrets = secretReader(workspace, project.name, options);
  const values: Record<string, string> = { ...project.defaults };
  const secretKeys: string[] = [];
  for (const [key, value] of Object.entries(raw)) {
    const before = secrets.found.length;
    values[key] = flatten(secrets.resolve(value, key));
    if (secrets.found.length > before) secretKeys.push(key);
  }
  secrets.refuseMissing();
  return { project: project.name, stack: options.stack, values, secretKeys };
}

/** A secret of a stack's file, with the path that `pulumi config set --path` takes. */
export interface StackSecret {
  readonly path: string;
  readonly value: string;
}

/**
 * A stack's file as the Pulumi CLI is to see it, with the overrides of the command line.
 *
 * @returns the file's content; with secrets that it does not hold itself, because no CLI has encrypted them
 */
export function readCliStack(
  workspace: Workspace,
  options: StackOptions,
): { document: Record<string, unknown>; secrets: StackSecret[] } {
  const { name } = readProject(workspace);
  const document = readYaml(stackFile(workspace, options));
  const config = applyOverrides(readStackValues(workspace, name, options), name, options);
  const encrypted = document["encryptionsalt"] !== undefined || document["encryptedkey"] !== undefined;
  if (encrypted) {
    refuseUnsetSecrets(workspace, options);
    return { document: { ...document, config }, secrets: [] };
  }
  const reader = secretReader(workspace, name, options);
  const plain = Object.entries(config).map(([key, value]) => [key, reader.withoutSecrets(value, key)] as const);
  reader.refuseMissing();
  return {
    document: { ...document, config: Object.fromEntries(plain.filter(([, value]) => value !== undefined)) },
    secrets: reader.found,
  };
}

/**
 * Refuses what the Pulumi CLI would call a bad value, without a key: a file whose secrets only the CLI has, and that has none yet.
 *
 * @throws with the command that sets each secret that is still `{ secure: unset }`
 */
export function refuseUnsetSecrets(workspace: Workspace, options: StackOptions): void {
  const unset: string[] = [];
  const note = (encrypted: unknown, path: string) => void (encrypted === "unset" && unset.push(path));
  const { name } = readProject(workspace);
  const values = applyOverrides(readStackValues(workspace, name, options), name, options);
  for (const [key, value] of Object.entries(values)) mapSecrets(value, key, note);
  if (unset.length === 0) return;
  const commands = unset.map((path) => `  pulumi config set --secret --path '${path}' --stack ${options.stack}`);
  throw new Error(
    `secrets of stack ${options.stack} are { secure: unset } in ${basename(stackFile(workspace, options))}, but the Pulumi CLI needs each encrypted; run:\n${commands.join("\n")}`,
  );
}

export function stackFile(workspace: Workspace, options: StackOptions): string {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(options.stack)) {
    throw new Error(`--stack is "${options.stack}", but a stack's name has only letters, digits, "-", "_" and "."`);
  }
  return options.configFile ?? join(workspace.root, `Pulumi.${options.stack}.yaml`);
}

function readProject(workspace: Workspace): { name: string; defaults: Record<string, string> } {
  const document = readYaml(join(workspace.root, "Pulumi.yaml"));
  const name = document["name"];
  if (typeof name !== "string") throw new Error("Pulumi.yaml has no name, but a Pulumi project must have one");
  const defaults: Record<string, string> = {};
  for (const [key, declared] of Object.entries(asMap(document["config"] ?? {}, "Pulumi.yaml: config"))) {
    const value = isMap(declared) ? (declared["value"] ?? declared["default"]) : declared;
    if (value !== undefined) defaults[key.includes(":") ? key : `${name}:${key}`] = flatten(value);
  }
  return { name, defaults };
}

function readStackValues(workspace: Workspace, project: string, options: StackOptions): Record<string, unknown> {
  const file = stackFile(workspace, options);
  if (!existsSync(file)) {
    throw new Error(
      `${basename(file)} was not found, so there is no stack "${options.stack}"; copy Pulumi.dev.yaml to begin one`,
    );
  }
  const document = readYaml(file);
  if (document["environment"] !== undefined) {
    throw new Error(
      `${basename(file)}: environment (Pulumi ESC) needs the Pulumi CLI; use --engine cli or put the values under config`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(asMap(document["config"] ?? {}, `${basename(file)}: config`))) {
    values[key.includes(":") ? key : `${project}:${key}`] = value;
  }
  return values;
}

function applyOverrides(raw: Record<string, unknown>, project: string, options: StackOptions): Record<string, unknown> {
  const result = { ...raw };
  if (options.context !== undefined) {
    const before = result[`${project}:controlPlane`];
    result[`${project}:controlPlane`] = { mode: "existing", context: options.context };
    if (options.localRegistryRuns === false && isMap(before) && before["local"] === true) {
      const images = Object.entries(asMap(result[`${project}:images`] ?? {}, `${project}:images`));
      result[`${project}:images`] = Object.fromEntries(images.filter(([key]) => key !== "mirror"));
    }
  }
  if (options.unavailableImages !== undefined && options.unavailableImages.length > 0) {
    const images = asMap(result[`${project}:images`] ?? {}, `${project}:images`);
    const named = Array.isArray(images["unavailable"]) ? (images["unavailable"] as unknown[]) : [];
    result[`${project}:images`] = { ...images, unavailable: [...new Set([...named, ...options.unavailableImages])] };
  }
  return result;
}

/** The environment variable that may hold the secret of a key such as `controlPlane.ssh.privateKey`. */
export function secretVariable(key: string): string {
  return `QUORUM_SECRET_${key
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .replace(/_$/, "")}`;
}

function secretReader(workspace: Workspace, project: string, options: StackOptions) {
  const env = options.env ?? process.env;
  const file = join(workspace.stateDir, `secrets.${options.stack}.yaml`);
  const placeholders = options.secrets === "placeholder";
  const stored = !placeholders && existsSync(file) ? readSecretsFile(file) : {};
  const missing: string[] = [];
  const found: StackSecret[] = [];

  const valueOf = (path: string): string => {
    const key = path.startsWith(`${project}:`) ? path.slice(project.length + 1) : path;
    if (placeholders) return `unset:${key}`;
    const value = env[secretVariable(key)] ?? stored[key] ?? stored[path];
    if (value === undefined) missing.push(`  ${key}: ${secretVariable(key)}, or the line \`${key}: …\` in ${file}`);
    return value === undefined ? "" : flatten(value);
  };
  /** Each secret of a value is noted, and becomes what `put` makes of it. */
  const walk = (value: unknown, path: string, put: (secret: string) => unknown): unknown =>
    mapSecrets(value, path, (_, at) => {
      const secret = valueOf(at);
      found.push({ path: at, value: secret });
      return put(secret);
    });
  return {
    found,
    resolve: (value: unknown, path: string) => walk(value, path, (secret) => secret),
    withoutSecrets: (value: unknown, path: string) => walk(value, path, () => undefined),
    refuseMissing: () => {
      if (missing.length === 0) return;
      throw new Error(
        `secrets of stack ${options.stack} are missing; set the variable or keep the value in the file (mode 0600):\n${missing.join("\n")}`,
      );
    },
  };
}

/** What a value is with `put` in the place of each `{ secure: … }`; a field that becomes undefined is left out. */
function mapSecrets(value: unknown, path: string, put: (encrypted: unknown, path: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item, index) => mapSecrets(item, `${path}[${index}]`, put));
  if (!isMap(value)) return value;
  if ("secure" in value && Object.keys(value).length === 1) return put(value["secure"], path);
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    mapSecrets(item, `${path}${pathPart(name)}`, put),
  ]);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

/** One field of a path such as `services.web.config["a.txt"]`. */
function pathPart(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function readSecretsFile(file: string): Record<string, unknown> {
  const mode = statSync(file).mode & 0o777;
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new Error(`${file} has mode ${mode.toString(8)}, but others must not read it; run: chmod 600 ${file}`);
  }
  return readYaml(file);
}

function flatten(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asMap(value: unknown, what: string): Record<string, unknown> {
  if (!isMap(value)) throw new Error(`${what} is ${JSON.stringify(value)}, but it must be a map of keys to values`);
  return value;
}

function readYaml(file: string): Record<string, unknown> {
  if (!existsSync(file)) throw new Error(`${file} was not found; run the command in the checkout of the project`);
  try {
    return asMap(parse(readFileSync(file, "utf8")) ?? {}, basename(file));
  } catch (error) {
    if (error instanceof YAMLParseError)
      throw new Error(`${basename(file)} is not valid YAML: ${error.message.trim()}`, { cause: error });
    throw error;
  }
}
