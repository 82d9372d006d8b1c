import { requiredImages } from "../../components/plan/images/images.ts";
import { serviceState } from "../../local/service.ts";
import { formatExisting, reportExisting } from "../existing-report.ts";
import { loadStack, workspace } from "../load-stack.ts";
import { type Options, readOptions } from "../options.ts";
import { refuseUnreachableHosts } from "../reach-hosts.ts";
import {
  announceEngine,
  enforceRender,
  type Log,
  openCli,
  openSession,
  outputLines,
  say,
  usesLocalRegistry,
} from "./common.ts";
import { writeUnavailable } from "../unavailable.ts";

/** `npm run up`: brings a stack up, and prints its outputs. */
export async function up(argv: string[]): Promise<number> {
  const options = readOptions("up", argv, ["stack", "config-file", "context", "engine", "timeout"]);
  const outputs = await bringUp(options, say);
  for (const line of outputLines(outputs)) say(line);
  const { controlPlane } = loadStack(options.stack, options);
  if (controlPlane.mode === "existing") say(formatExisting(await reportExisting(controlPlane), "text"));
  return 0;
}

type Outputs = Readonly<Record<string, unknown>>;

/** Brings a stack up, and the images that it needs before it; answers its outputs. */
export async function bringUp(options: Options, log: Log): Promise<Outputs> {
  await provideImages(options, log);
  return bringObjectsUp(options, log);
}

/** The same where the images are there, with whichever engine is to be used. */
export async function bringObjectsUp(options: Options, log: Log): Promise<Outputs> {
  const choice = announceEngine(options, log);
  await verifySignatures(options, log);
  if (choice.engine === "cli") {
    await enforceRender(options, log);
    return (await openCli(choice, options, log)).up();
  }
  const { up: direct } = await import("../direct/up.ts");
  const { controlPlane } = loadStack(options.stack, { ...options, secrets: "required" });
  if (controlPlane.mode === "kubeadm") await refuseUnreachableHosts({ workspace, controlPlane });
  return (await direct(await openSession(options, log))).outputs;
}

/** Images that were built elsewhere run only when they are signed, where the stack has a key. */
async function verifySignatures({ stack, configFile, context }: Options, log: Log): Promise<void> {
  const found = loadStack(stack, { configFile, context });
  if (found.security.signatures === undefined) return;
  const { refuseUnsigned } = await import("../supply-chain/stack-images.ts");
  await refuseUnsigned(loadStack(stack, { configFile, context, secrets: "required" }), stack, log);
}

/**
 * Makes the registry that this checkout runs have the third-party images of a stack that pulls from it. For local hosts `start`
 * has done so, since they need some before there is a stack; what a changed configuration needs besides comes here.
 */
async function provideImages({ stack, configFile, context }: Options, log: Log): Promise<void> {
  const config = loadStack(stack, { configFile, context });
  if (!usesLocalRegistry(config) || serviceState("registry") !== "running") return;
  const { ensureImages } = await import("../../local/images.ts");
  writeUnavailable(workspace, stack, await ensureImages([...new Set(requiredImages(config))], log));
}
