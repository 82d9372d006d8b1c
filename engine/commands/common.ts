import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { chooseEngine, describeEngine, type EngineChoice } from "../choose.ts";
import type { PushedImage } from "../direct/image.ts";
import type { Session } from "../direct/session.ts";
import { loadStack, workspace } from "../load-stack.ts";
import type { Pulumi } from "../pulumi-cli.ts";
import type { Options } from "../options.ts";
import { enforce, judge, judgeRender } from "../policy.ts";
import { readStack, type StackOptions } from "../stack.ts";
import type { Config } from "../../config/parse.ts";
import { registryPort } from "../../local/registry.ts";
import { serviceState } from "../../local/service.ts";
import { readUnavailable } from "../unavailable.ts";
import { count } from "../words.ts";

export type Log = (line: string) => void;

export const say: Log = (line) => process.stdout.write(`${line}\n`);
/** For words beside an answer that a program reads. */
export const sayAside: Log = (line) => process.stderr.write(`${line}\n`);

export function announceEngine(options: Options, log: Log): EngineChoice {
  const choice = chooseEngine(options.engine);
  log(describeEngine(choice));
  return choice;
}

/** Whether a stack's third-party images come from the registry that this checkout runs: what that lacks, the stack lacks. */
export function usesLocalRegistry({ controlPlane, images }: Config): boolean {
  if (controlPlane.mode === "kubeadm") return controlPlane.local;
  return images.mirror === `localhost:${registryPort}` && serviceState("registry") === "running";
}

/** How to read the stack that a command is about, as this machine can run it. */
export function stackOptions({ stack, configFile, context }: Options): StackOptions {
  const localRegistryRuns = serviceState("registry") === "running";
  const asked = { stack, configFile, context, localRegistryRuns };
  return usesLocalRegistry(loadStack(stack, asked))
    ? { ...asked, unavailableImages: readUnavailable(workspace, stack) }
    : asked;
}

/** A run of the direct engine on this checkout's program. */
export async function openSession(options: Options, log: Log): Promise<Session> {
  const read = stackOptions(options);
  const config = readStack(workspace, read);
  const checked = loadStack(options.stack, read);
  const { dockerHost, toolPath } = await import("../../local/tools.ts");
  return {
    workspace,
    config,
    program: join(workspace.root, "index.ts"),
    tools: {
      kubectl: () => toolPath("kubectl"),
      docker: async () => ({ path: await toolPath("docker"), host: await dockerHost() }),
    },
    timeoutSeconds: options.timeoutSeconds,
    pushed: (image) => attachDocuments(image, log),
    judge: (objects) => {
      enforce(judge(checked, options.stack, objects), log);
    },
    log,
  };
}

/** An image of ours says what it is made of, and where there is a key, who made it. */
async function attachDocuments({ name, digest, context, credentials }: PushedImage, log: Log): Promise<void> {
  // Other kinds of images have tools of their own for this.
  if (!existsSync(join(context, "package-lock.json"))) return;
  const [{ attachTo, repositoryOf }, { signingKey }] = await Promise.all([
    import("../supply-chain/stack-images.ts"),
    import("./supply-chain.ts"),
  ]);
  const image = { key: basename(name), name, reference: digest, context, repository: repositoryOf(name, credentials) };
  const { components, signature } = await attachTo(image, signingKey(undefined));
  log(`${name}@${digest}: SBOM of ${count(components, "component")} attached, ${signature}`);
}

/** Before the Pulumi CLI is asked for anything: the rules hold whichever engine runs. @throws when a mandatory one is broken */
export async function enforceRender(options: Options, log: Log): Promise<void> {
  const read = stackOptions(options);
  enforce(await judgeRender(loadStack(options.stack, read), read, () => undefined), log);
}

/** The Pulumi CLI on the stack that a command is about. */
export async function openCli(choice: EngineChoice, options: Options, log: Log): Promise<Pulumi> {
  const { openPulumi } = await import("../pulumi-cli.ts");
  const host = await dockerForBuilds(options);
  return openPulumi({
    ...(host === undefined ? {} : { env: { DOCKER_HOST: host } }),
    program: choice.pulumi ?? "pulumi",
    workspace,
    stack: stackOptions(options),
    session: () => openSession(options, log),
    log,
  });
}

/** Pulumi's Docker provider wants a daemon for whatever is done with an image that is built, previews included. */
async function dockerForBuilds({ stack, configFile, context }: Options): Promise<string | undefined> {
  const { images } = loadStack(stack, { configFile, context });
  if (Object.values(images.builds).every(({ digest }) => digest !== undefined)) return undefined;
  const { dockerHost } = await import("../../local/tools.ts");
  // Without one the provider says so itself, where it needs it.
  return dockerHost().catch(() => undefined);
}

/** Stack outputs for people: `urls.app  http://localhost:9376`. */
export function outputLines(outputs: Readonly<Record<string, unknown>>): string[] {
  const lines: [string, string][] = [];
  const walk = (path: string, value: unknown) => {
    if (
      typeof value !== "object" ||
      value === null ||
      (Array.isArray(value) && value.every((item) => typeof item !== "object"))
    ) {
      if (!Array.isArray(value) || value.length > 0)
        lines.push([path, Array.isArray(value) ? value.join(", ") : String(value)]);
      return;
    }
    for (const [key, item] of Object.entries(value)) walk(`${path}.${key}`, item);
  };
  for (const [key, value] of Object.entries(outputs)) walk(key, value);
  const width = Math.max(0, ...lines.map(([path]) => path.length));
  return lines.map(([path, value]) => `${path.padEnd(width)}  ${value}`);
}
