import { parseArgs } from "node:util";
import type { EngineName } from "./choose.ts";

/** What the commands about stacks take from the command line. */
export interface Options {
  readonly stack: string;
  readonly configFile: string | undefined;
  readonly context: string | undefined;
  readonly engine: EngineName | undefined;
  readonly out: string | undefined;
  readonly json: boolean;
  readonly markdown: boolean;
  /** Only shows what would be done. */
  readonly show: boolean;
  /** Folder that a bundle of host steps is written to. */
  readonly bundle: string | undefined;
  /** Git revision to compare with. */
  readonly base: string | undefined;
  /** Folders of renders that were made before. */
  readonly baseDir: string | undefined;
  readonly headDir: string | undefined;
  /** Ends with 2 where there is a difference. */
  readonly exitCode?: boolean | undefined;
  /** Names given by an option that takes several, parted by commas. */
  readonly dead: readonly string[];
  /** What a recovery restores from: `survivor`, or a file. */
  readonly from: string | undefined;
  /** File with the private key that opens an archive. */
  readonly key: string | undefined;
  /** One member of etcd, by its host. */
  readonly member: string | undefined;
  /** How long a token lives. */
  readonly duration: string | undefined;
  readonly timeoutSeconds: number;
}

export type OptionName =
  | "stack"
  | "config-file"
  | "context"
  | "engine"
  | "out"
  | "json"
  | "markdown"
  | "show"
  | "bundle"
  | "base"
  | "base-dir"
  | "head-dir"
  | "exit-code"
  | "dead"
  | "from"
  | "key"
  | "member"
  | "timeout"
  | "duration";

const types = {
  stack: { type: "string" },
  "config-file": { type: "string" },
  context: { type: "string" },
  engine: { type: "string" },
  out: { type: "string" },
  json: { type: "boolean" },
  markdown: { type: "boolean" },
  show: { type: "boolean" },
  bundle: { type: "string" },
  base: { type: "string" },
  "base-dir": { type: "string" },
  "head-dir": { type: "string" },
  "exit-code": { type: "boolean" },
  dead: { type: "string" },
  from: { type: "string" },
  key: { type: "string" },
  member: { type: "string" },
  timeout: { type: "string" },
  duration: { type: "string" },
} as const;

const defaultTimeoutSeconds = 300;

/**
 * Reads a command's options; each command allows only those that mean something to it.
 *
 * @throws naming the option, what it is, and what is allowed
 */
export function readOptions(command: string, argv: readonly string[], allowed: readonly OptionName[]): Options {
  const given = parse(command, argv, allowed);
  const { engine, timeout } = given;
  if (engine !== undefined && engine !== "direct" && engine !== "cli") {
    throw new Error(`--engine is "${engine}", but it must be direct or cli`);
  }
  const timeoutSeconds = timeout === undefined ? defaultTimeoutSeconds : Number(timeout);
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1) {
    throw new Error(`--timeout is "${timeout ?? ""}", but it must be a whole number of seconds, 1 or more`);
  }
  for (const key of [
    "stack",
    "config-file",
    "context",
    "out",
    "bundle",
    "base",
    "base-dir",
    "head-dir",
    "dead",
    "from",
    "key",
    "member",
  ] as const) {
    if (given[key] === "") throw new Error(`--${key} is empty; give it a value or leave it out`);
  }
  return {
    stack: given.stack ?? "dev",
    configFile: given["config-file"],
    context: given.context,
    engine,
    out: given.out,
    json: given.json ?? false,
    markdown: given.markdown ?? false,
    show: given.show ?? false,
    bundle: given.bundle,
    base: given.base,
    baseDir: given["base-dir"],
    headDir: given["head-dir"],
    exitCode: given["exit-code"],
    dead: given.dead?.split(",") ?? [],
    from: given.from,
    key: given.key,
    member: given.member,
    duration: given.duration,
    timeoutSeconds,
  };
}

function parse(command: string, argv: readonly string[], allowed: readonly OptionName[]) {
  const list = allowed.map((name) => `--${name}`).join(", ");
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: types,
      strict: true,
      allowPositionals: true,
    });
    const other = (Object.keys(values) as OptionName[]).find((name) => !allowed.includes(name));
    if (other !== undefined) throw new Error(`--${other} means nothing to ${command}`);
    if (positionals[0] !== undefined) throw new Error(`"${positionals[0]}" is not an option`);
    return values;
  } catch (error) {
    const reason = (error as Error).message.split(". To specify")[0] ?? "";
    throw new Error(
      `${reason.replace(/^Unknown option '([^']+)'.*/s, "$1 is not an option")}; ${command} takes ${list}`,
      { cause: error },
    );
  }
}
