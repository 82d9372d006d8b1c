import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./quorum.ts";

/**
 * Runs one of the README's commands until it says that a step begins, lets it go on for a moment, and kills it with all that it
 * started, as `kill -9` or a power cut of its machine would.
 *
 * @param when what it prints as that step begins
 * @returns whether it was killed; false where it ended before
 */
export async function killedWhen(args: readonly string[], when: RegExp, moment = 400): Promise<boolean> {
  const child = spawn("node", [join(root, "engine", "launch.js"), ...args], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${args.join(" ")} did not start`);
  let said = "";
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const begun = new Promise<boolean>((resolve) => {
    const hear = (text: string) => {
      said += text;
      if (when.test(said)) resolve(true);
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    void ended.then(() => resolve(false));
  });
  const reached = await begun;
  if (reached) {
    await new Promise((resolve) => setTimeout(resolve, moment));
    if (child.exitCode === null) process.kill(-pid, "SIGKILL");
  }
  await ended;
  if (!reached) throw new Error(`${args.join(" ")} ended before it said ${String(when)}:\n${said}`);
  return child.exitCode === null;
}
